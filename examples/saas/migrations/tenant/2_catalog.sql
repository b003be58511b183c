-- What the tenant sells.
create table categories (
    id uuid primary key,
    name text not null check (name <> ''),
    slug text not null constraint categories_slug_taken unique
        check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- Lists of categories are in this order.
create index categories_by_name on categories (name, id);

create table products (
    id uuid primary key,
    name text not null check (name <> ''),
    sku text not null constraint products_sku_taken unique check (sku <> ''),
    description text not null default '',
    -- Minor units of the currency, so that nothing is ever rounded.
    price_cents bigint not null check (price_cents >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    stock bigint not null default 0
        constraint products_stock_in_range check (stock between 0 and 1000000000),
    -- A category with products is not deleted: nothing of the catalog vanishes from its place.
    category_id uuid constraint products_category_known references categories (id),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create index products_of_category on products (category_id) where category_id is not null;

-- One for each order that a list can have; the id makes every one of them whole.
create index products_by_age on products (created_at, id);
create index products_by_name on products (name, id);
create index products_by_price on products (price_cents, id);
create index products_by_stock on products (stock, id);
