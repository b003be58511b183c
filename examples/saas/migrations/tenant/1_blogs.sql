-- Posts of the tenant's blog; public ids are UUIDv7, so the newest sort last.
create table blogs (
    id uuid primary key,
    title text not null check (title <> ''),
    description text not null default '',
    body text not null default '',
    author text not null default '',
    published boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- The list readers see: published posts, newest first.
create index blogs_published_newest on blogs (id desc) where published;
