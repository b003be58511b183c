-- Statements that are accepted. Each block has a name, bound values where it has parameters,
-- and says raw when it goes through the token check.
;;
-- one table
-- bind: 1
SELECT id, title FROM blogs WHERE id = $1
;;
-- aliased table
SELECT b.id, b.title FROM blogs AS b ORDER BY b.id
;;
-- column by its table
SELECT blogs.title FROM blogs WHERE blogs.id < 3 ORDER BY blogs.id
;;
-- explicit tenant
SELECT b.id FROM tenant.blogs b JOIN authors a ON a.id = b.author_id ORDER BY 1
;;
-- shared table
SELECT p.name FROM shared.plans p ORDER BY p.name
;;
-- shared and tenant
SELECT b.id, p.name FROM blogs b CROSS JOIN shared.plans p ORDER BY 1, 2
;;
-- inner join using
SELECT title, rating FROM blogs JOIN ratings USING (id) ORDER BY id
;;
-- left join
SELECT a.name, b.title FROM authors a LEFT JOIN blogs b ON b.author_id = a.id ORDER BY a.id, b.id
;;
-- right join
SELECT a.name, b.title FROM blogs b RIGHT JOIN authors a ON b.author_id = a.id ORDER BY 1, 2
;;
-- full join
SELECT a.id, b.id FROM authors a FULL JOIN blogs b ON b.id = a.id ORDER BY 1, 2
;;
-- comma join
SELECT a.name, b.title FROM authors a, blogs b WHERE b.author_id = a.id ORDER BY 1, 2
;;
-- nested join
SELECT a.name, c.body FROM authors a JOIN (blogs b JOIN comments c ON c.blog_id = b.id) ON b.author_id = a.id ORDER BY 1, 2
;;
-- self join
SELECT x.id, y.id FROM blogs x JOIN blogs y ON y.author_id = x.author_id AND y.id > x.id ORDER BY 1, 2
;;
-- lateral query
SELECT a.name, l.title FROM authors a CROSS JOIN LATERAL (SELECT b.title FROM blogs b WHERE b.author_id = a.id ORDER BY b.id LIMIT 1) AS l ORDER BY 1
;;
-- left lateral
SELECT a.name, l.n FROM authors a LEFT JOIN LATERAL (SELECT count(*) AS n FROM blogs b WHERE b.author_id = a.id) l ON true ORDER BY 1
;;
-- lateral json
SELECT b.id, t.tag FROM blogs b CROSS JOIN LATERAL jsonb_array_elements_text(b.data -> 'tags') AS t(tag) ORDER BY 1, 2
;;
-- json each
SELECT b.id, e.key, e.value FROM blogs b, jsonb_each_text(b.data - 'tags') AS e ORDER BY 1, 2
;;
-- json recordset
SELECT r.a, r.b FROM jsonb_to_recordset('[{"a":1,"b":"x"}]'::jsonb) AS r(a int, b text)
;;
-- json operators
SELECT id, data ->> 'lang', data #>> '{tags,0}' FROM blogs WHERE data @> '{"lang":"en"}' AND data ? 'lang' ORDER BY id
;;
-- json building
SELECT jsonb_build_object('id', b.id, 'tags', b.tags) FROM blogs b ORDER BY b.id
;;
-- json path
SELECT id, jsonb_path_query_first(data, '$.tags[0]') FROM blogs ORDER BY id
;;
-- json aggregate
SELECT jsonb_agg(jsonb_build_object('t', title) ORDER BY id) FROM blogs
;;
-- json update
-- bind: 'fr', 1
UPDATE blogs SET data = jsonb_set(data, '{lang}', to_jsonb($1::text)) WHERE id = $2 RETURNING data
;;
-- subquery in from
SELECT s.n FROM (SELECT count(*) AS n FROM blogs) AS s
;;
-- subquery in select
SELECT a.name, (SELECT max(b.views) FROM blogs b WHERE b.author_id = a.id) AS most FROM authors a ORDER BY 1
;;
-- exists
SELECT name FROM authors a WHERE EXISTS (SELECT 1 FROM blogs WHERE author_id = a.id) ORDER BY 1
;;
-- not exists
SELECT name FROM authors a WHERE NOT EXISTS (SELECT 1 FROM blogs b WHERE b.author_id = a.id)
;;
-- in subquery
SELECT title FROM blogs WHERE author_id IN (SELECT id FROM authors WHERE name LIKE 'A%') ORDER BY 1
;;
-- any subquery
SELECT title FROM blogs WHERE author_id = ANY (SELECT id FROM authors) ORDER BY 1
;;
-- any parameter
-- bind: ARRAY[1,2]
SELECT title FROM blogs WHERE id = ANY($1) ORDER BY 1
;;
-- all subquery
SELECT title FROM blogs WHERE views >= ALL (SELECT views FROM blogs)
;;
-- array subquery
SELECT a.name, ARRAY(SELECT b.title FROM blogs b WHERE b.author_id = a.id ORDER BY b.id) FROM authors a ORDER BY 1
;;
-- union
SELECT name FROM authors UNION SELECT title FROM blogs ORDER BY 1
;;
-- union all of parentheses
(SELECT name FROM authors ORDER BY id LIMIT 1) UNION ALL (SELECT title FROM blogs ORDER BY id LIMIT 1)
;;
-- except and intersect
SELECT id FROM authors EXCEPT SELECT author_id FROM blogs INTERSECT SELECT id FROM comments ORDER BY 1
;;
-- values
VALUES (1, 'a'), (2, 'b')
;;
-- values in from
SELECT v.n, b.title FROM (VALUES (1, 'x'), (2, 'y')) AS v(id, n) JOIN blogs b ON b.id = v.id ORDER BY 1
;;
-- cte
WITH recent AS (SELECT id, title FROM blogs WHERE views > 5) SELECT r.title FROM recent r ORDER BY r.id
;;
-- cte that shadows its table
WITH blogs AS (SELECT id, title FROM blogs WHERE id = 1) SELECT title FROM blogs
;;
-- sibling ctes
WITH a AS (SELECT id FROM authors), b AS (SELECT a.id FROM a JOIN blogs ON blogs.author_id = a.id) SELECT count(*) FROM b
;;
-- cte not yet in sight
WITH comments AS (SELECT id FROM authors), x AS (SELECT id FROM comments) SELECT count(*) FROM x
;;
-- later cte out of sight
WITH x AS (SELECT id FROM comments), comments AS (SELECT id FROM authors) SELECT count(*) FROM x
;;
-- nested with
SELECT s.n FROM (WITH blogs AS (SELECT 7 AS n) SELECT n FROM blogs) AS s
;;
-- cte ends with its query
SELECT (WITH blogs AS (SELECT 7 AS n) SELECT n FROM blogs) AS n, title FROM blogs ORDER BY title
;;
-- cte of an earlier table
SELECT b.id, c.body FROM (WITH comments AS (SELECT 7 AS id) SELECT id FROM comments) AS b, comments AS c ORDER BY 2
;;
-- cte of one side
(WITH blogs AS (SELECT 7 AS id) SELECT id FROM blogs) UNION SELECT id FROM blogs ORDER BY 1
;;
-- recursive cte
WITH RECURSIVE thread AS (SELECT id, body, 1 AS depth FROM comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.body, t.depth + 1 FROM comments c JOIN thread t ON c.parent_id = t.id) SELECT id, depth FROM thread ORDER BY id
;;
-- recursive counting
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n
;;
-- recursive name in all siblings
WITH RECURSIVE one AS (SELECT id FROM blogs), blogs AS (SELECT id FROM authors) SELECT count(*) FROM one
;;
-- materialized cte
WITH x AS MATERIALIZED (SELECT id FROM blogs), y AS NOT MATERIALIZED (SELECT id FROM x) SELECT count(*) FROM y
;;
-- quoted cte
WITH "Recent" AS (SELECT id FROM blogs) SELECT count(*) FROM "Recent"
;;
-- case of names
with R as (select ID from BLOGS) select count(*) from r
;;
-- quoted table
SELECT "Total" FROM "Order" ORDER BY 1
;;
-- quoted table with alias
SELECT o."Total" FROM tenant."Order" AS o ORDER BY 1
;;
-- writing cte
WITH gone AS (DELETE FROM comments WHERE blog_id = 1 RETURNING id, body) SELECT id, body FROM gone ORDER BY id
;;
-- archiving cte
WITH moved AS (DELETE FROM comments WHERE id = 1 RETURNING body) INSERT INTO authors (name) SELECT body FROM moved RETURNING name
;;
-- target is never a cte
WITH blogs AS (SELECT 1 AS id) UPDATE blogs SET views = 0 WHERE id = 1
;;
-- upsert cte
-- bind: 1
WITH up AS (UPDATE blogs SET views = views + 1 WHERE id = $1 RETURNING id) SELECT count(*) FROM up
;;
-- group by having
SELECT author_id, count(*) FROM blogs GROUP BY author_id HAVING count(*) > 1
;;
-- grouping sets
SELECT author_id, published, count(*) FROM blogs GROUP BY GROUPING SETS ((author_id), (published), ()) ORDER BY 1, 2, 3
;;
-- rollup
SELECT author_id, published, sum(views), grouping(author_id) FROM blogs GROUP BY ROLLUP (author_id, published) ORDER BY 1, 2
;;
-- cube
SELECT author_id, published, sum(views) FROM blogs GROUP BY CUBE (author_id, published) ORDER BY 1, 2, 3
;;
-- filter
SELECT count(*) FILTER (WHERE published) AS p, count(*) FROM blogs
;;
-- ordered set
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY views) FROM blogs
;;
-- string aggregate
SELECT string_agg(DISTINCT title, ', ' ORDER BY title) FROM blogs
;;
-- distinct on
SELECT DISTINCT ON (author_id) author_id, title FROM blogs ORDER BY author_id, views DESC
;;
-- window
SELECT id, rank() OVER (PARTITION BY author_id ORDER BY views DESC) FROM blogs ORDER BY id
;;
-- named window
SELECT id, sum(views) OVER w, avg(views) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM blogs WINDOW w AS (ORDER BY id) ORDER BY id
;;
-- lag and lead
SELECT id, lag(views, 1, 0) OVER (ORDER BY id), lead(views) OVER (ORDER BY id) FROM blogs ORDER BY id
;;
-- limit and offset
-- bind: 2, 1
SELECT id FROM blogs ORDER BY id LIMIT $1 OFFSET $2
;;
-- fetch first
SELECT id FROM blogs ORDER BY views DESC FETCH FIRST 2 ROWS WITH TIES
;;
-- order with nulls
SELECT name FROM authors ORDER BY name DESC NULLS LAST
;;
-- for update
SELECT id FROM blogs WHERE id = 1 FOR UPDATE
;;
-- for update of alias
SELECT b.id FROM blogs b JOIN authors a ON a.id = b.author_id ORDER BY b.id FOR UPDATE OF b SKIP LOCKED
;;
-- for share nowait
SELECT id FROM blogs ORDER BY id FOR SHARE NOWAIT
;;
-- insert
-- bind: 'Zoe'
INSERT INTO authors (name) VALUES ($1) RETURNING name
;;
-- insert many
INSERT INTO authors (name) VALUES ('x'), ('y'), (DEFAULT)
;;
-- insert default values
INSERT INTO counters DEFAULT VALUES
;;
-- insert select
INSERT INTO authors (name) SELECT title FROM blogs WHERE id = 1 RETURNING name
;;
-- insert unnest
-- bind: ARRAY[91,92], ARRAY[1,2]
INSERT INTO ratings (id, rating) SELECT u.id, u.r FROM UNNEST($1::int[], $2::int[]) AS u(id, r) RETURNING id, rating
;;
-- upsert
INSERT INTO ratings AS r (id, rating) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET rating = r.rating + EXCLUDED.rating RETURNING r.rating
;;
-- upsert by table name
INSERT INTO ratings (id, rating) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET rating = ratings.rating + excluded.rating WHERE ratings.rating > 0 RETURNING rating
;;
-- upsert nothing
INSERT INTO ratings (id, rating) VALUES (1, 9) ON CONFLICT DO NOTHING
;;
-- upsert on constraint
INSERT INTO ratings (id, rating) VALUES (1, 9) ON CONFLICT ON CONSTRAINT ratings_pkey DO NOTHING RETURNING id
;;
-- update
-- bind: 1, 'new'
UPDATE blogs SET title = $2, views = views + 1 WHERE id = $1 RETURNING id, title
;;
-- update from
UPDATE blogs AS b SET title = a.name FROM authors a WHERE a.id = b.author_id RETURNING b.id, b.title
;;
-- update tuple
UPDATE blogs SET (title, views) = (SELECT name, 5 FROM authors WHERE authors.id = blogs.author_id) WHERE id = 2 RETURNING title, views
;;
-- update default
UPDATE blogs SET views = DEFAULT WHERE id = 1 RETURNING views
;;
-- update join in from
UPDATE comments SET body = b.title FROM blogs b JOIN authors a ON a.id = b.author_id WHERE b.id = comments.blog_id RETURNING comments.id, comments.body
;;
-- delete
-- bind: 1
DELETE FROM comments WHERE blog_id = $1
;;
-- delete using
DELETE FROM comments c USING blogs b, authors a WHERE b.id = c.blog_id AND a.id = b.author_id AND a.name = 'Ann' RETURNING c.id
;;
-- merge
MERGE INTO ratings AS r USING (SELECT id, views FROM blogs) AS b ON r.id = b.id WHEN MATCHED AND b.views > 100 THEN DELETE WHEN MATCHED THEN UPDATE SET rating = b.views WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, b.views)
;;
-- merge of tables
MERGE INTO ratings USING blogs ON ratings.id = blogs.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (blogs.id, 0) WHEN MATCHED THEN DO NOTHING
;;
-- merge with cte
WITH src AS (SELECT id, views FROM blogs) MERGE INTO ratings r USING src s ON r.id = s.id WHEN MATCHED THEN UPDATE SET rating = s.views
;;
-- case
SELECT CASE WHEN views > 10 THEN 'hot' WHEN views IS NULL THEN 'new' ELSE 'cold' END AS heat FROM blogs ORDER BY id
;;
-- case with operand
SELECT CASE author_id WHEN 1 THEN 'a' ELSE 'b' END FROM blogs ORDER BY id
;;
-- casts
SELECT id::text, CAST(views AS bigint), '2020-01-01'::date, date '2020-01-02', '{1,2}'::int[], '1.5'::numeric(10, 2), 'a'::varchar(3) FROM blogs ORDER BY id
;;
-- typed strings
SELECT timestamp '2020-01-01 00:00', interval '1 day', uuid '00000000-0000-0000-0000-000000000000', inet '10.0.0.1'
;;
-- between and distinct from
SELECT id FROM blogs WHERE views BETWEEN 1 AND 100 AND author_id IS DISTINCT FROM 9 AND title IS NOT DISTINCT FROM title ORDER BY id
;;
-- string syntax
SELECT substring(title FROM 1 FOR 3), trim(BOTH ' ' FROM title), position('o' IN title), overlay(title PLACING 'XX' FROM 1 FOR 2), upper(title) || '!' FROM blogs ORDER BY id
;;
-- extract
SELECT extract(year FROM created_at), date_trunc('day', created_at AT TIME ZONE 'UTC') FROM blogs ORDER BY id
;;
-- like and regex
SELECT title FROM blogs WHERE title ILIKE '%o%' OR title ~* '^b' OR title SIMILAR TO 'x%' ORDER BY 1
;;
-- escape string
SELECT E'a\'b\n' AS t, 'it''s' AS u, $tag$FROM pg_class$tag$ AS v FROM blogs WHERE id = 1
;;
-- arrays
SELECT tags[1], tags[1:2], array_length(tags, 1), 'a' = ANY(tags), tags && ARRAY['a'], b.tags[2] FROM blogs b ORDER BY id
;;
-- unnest
SELECT b.id, t FROM blogs b, unnest(b.tags) AS t ORDER BY 1, 2
;;
-- with ordinality
SELECT b.id, t.tag, t.n FROM blogs b, unnest(b.tags) WITH ORDINALITY AS t(tag, n) ORDER BY 1, 3
;;
-- series
SELECT d.day, count(b.id) FROM generate_series(date '2020-01-01', date '2020-01-03', interval '1 day') AS d(day) LEFT JOIN blogs b ON b.created_at::date = d.day::date GROUP BY d.day ORDER BY 1
;;
-- series without alias list
SELECT n FROM generate_series(1, 3) AS n
;;
-- full text
-- bind: 'fox'
SELECT id, ts_rank(to_tsvector('english', body), q.q) FROM blogs, websearch_to_tsquery('english', $1) AS q(q) WHERE to_tsvector('english', body) @@ q.q ORDER BY 1
;;
-- headline
SELECT ts_headline('english', body, plainto_tsquery('english', 'fox')) FROM blogs ORDER BY id
;;
-- ranges
SELECT int4range(1, 5) @> 3, daterange('2020-01-01', '2020-02-01') && daterange('2020-01-15', NULL)
;;
-- row comparison
-- bind: 5, 1
SELECT id FROM blogs WHERE (views, id) > ($1, $2) ORDER BY views, id
;;
-- collate
SELECT title FROM blogs ORDER BY title COLLATE "C"
;;
-- named argument
SELECT make_interval(days => 3)
;;
-- catalog function
SELECT pg_catalog.lower(title) FROM blogs ORDER BY 1
;;
-- extension function
SELECT extensions.similarity(title, 'Bird') FROM blogs ORDER BY 1
;;
-- extension type
SELECT title FROM blogs WHERE title::extensions.citext OPERATOR(extensions.=) 'alpha'::extensions.citext
;;
-- extension operator
SELECT title FROM blogs WHERE title OPERATOR(extensions.%) 'Alpha' ORDER BY 1
;;
-- tenant function
SELECT tenant.shout(title) FROM blogs ORDER BY 1
;;
-- tenant table function
SELECT f.title FROM tenant.titles() AS f(title) ORDER BY 1
;;
-- comments
SELECT /* FROM nowhere */ id -- FROM nowhere
FROM /* a /* nested */ one */ blogs ORDER BY id
;;
-- several lines
SELECT b.id,
       c.body
  FROM blogs AS b
  JOIN comments AS c
    ON c.blog_id = b.id
 ORDER BY 1, 2
;;
-- letters of many bytes
SELECT 'grüße 🎉' AS "größe", b.id FROM blogs AS b WHERE b.title <> '→' AND EXISTS (SELECT 1 FROM comments WHERE body <> 'ü' AND blog_id = b.id) ORDER BY b.id
;;
-- multi byte identifiers
SELECT é.id AS ß FROM blogs é ORDER BY é.id
;;
-- tablesample
SELECT count(*) FROM blogs TABLESAMPLE BERNOULLI (100) REPEATABLE (1)
;;
-- coalesce and friends
SELECT coalesce(nullif(title, ''), 'none'), greatest(views, 1), least(views, 2) FROM blogs ORDER BY id
;;
-- booleans
SELECT id FROM blogs WHERE published IS TRUE AND NOT (views IS NULL) ORDER BY id
;;
-- aliases that shadow
SELECT authors.id FROM blogs AS authors ORDER BY authors.id
;;
-- union in cte
WITH x AS (SELECT id FROM blogs UNION SELECT id FROM authors) SELECT count(*) FROM x
;;
-- subquery in returning
UPDATE blogs SET views = 1 WHERE id = 1 RETURNING (SELECT name FROM authors WHERE id = author_id)
;;
-- subquery in set
UPDATE blogs SET views = (SELECT count(*) FROM comments WHERE blog_id = blogs.id) WHERE id = 1 RETURNING views
;;
-- subquery in values
INSERT INTO comments (blog_id, body) VALUES ((SELECT max(id) FROM blogs), 'x') RETURNING blog_id
;;
-- subquery in order
SELECT b.id FROM blogs b ORDER BY (SELECT count(*) FROM comments c WHERE c.blog_id = b.id) DESC, b.id
;;
-- subquery in limit
SELECT id FROM blogs ORDER BY id LIMIT (SELECT count(*) FROM authors)
;;
-- subquery in join
SELECT b.id FROM blogs b JOIN authors a ON a.id = (SELECT min(id) FROM authors WHERE id = b.author_id) ORDER BY 1
;;
-- subquery in filter
SELECT count(*) FILTER (WHERE author_id IN (SELECT id FROM authors)) FROM blogs
;;
-- subquery in window
SELECT id, count(*) OVER (PARTITION BY (SELECT name FROM authors WHERE id = author_id)) FROM blogs ORDER BY 1
;;
-- subquery in function in from
SELECT n FROM generate_series(1, (SELECT count(*)::int FROM blogs)) AS n ORDER BY 1
;;
-- no table
SELECT 1 + 1 AS two, now() IS NOT NULL, current_date IS NULL
;;
-- system columns of a set
SELECT count(*), bool_and(published), array_agg(id ORDER BY id) FROM blogs
;;
-- raw: frame exclude
-- raw
SELECT id, sum(views) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM tenant.blogs ORDER BY id
;;
-- raw: for no key update
-- raw
SELECT id FROM tenant.blogs ORDER BY id FOR NO KEY UPDATE
;;
-- raw: for key share
-- raw
SELECT id FROM tenant.blogs ORDER BY id FOR KEY SHARE
;;
-- raw: for update of two
-- raw
SELECT a.id, b.id FROM tenant.authors a JOIN tenant.blogs b ON b.author_id = a.id ORDER BY 1, 2 FOR UPDATE OF a, b
;;
-- raw: overriding
-- raw
INSERT INTO tenant.authors (id, name) OVERRIDING SYSTEM VALUE VALUES (77, 'x') RETURNING id
;;
-- raw: set element
-- raw
UPDATE tenant.blogs SET tags[1] = 'z' WHERE id = 1 RETURNING tags
;;
-- raw: search
-- raw
WITH RECURSIVE t(id, parent_id) AS (SELECT id, parent_id FROM tenant.comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM tenant.comments c JOIN t ON c.parent_id = t.id) SEARCH DEPTH FIRST BY id, parent_id SET o SELECT id FROM t ORDER BY o
;;
-- raw: cycle
-- raw
WITH RECURSIVE t AS (SELECT id, parent_id FROM tenant.comments UNION ALL SELECT c.id, c.parent_id FROM tenant.comments c JOIN t ON c.parent_id = t.id) CYCLE id SET looped USING way, u(n) AS (SELECT count(*) FROM t) SELECT n FROM u
;;
-- raw: rows from
-- raw
SELECT r.a, r.b FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['x', 'y'])) AS r(a, b) ORDER BY 1
;;
-- raw: between symmetric
-- raw
SELECT id FROM tenant.blogs WHERE views BETWEEN SYMMETRIC 100 AND 1 ORDER BY id
;;
-- raw: variadic
-- raw
SELECT concat_ws('-', VARIADIC tags) FROM tenant.blogs ORDER BY id
;;
-- raw: only
-- raw
SELECT id FROM ONLY tenant.blogs ORDER BY id
;;
-- raw: xmlelement
-- raw
SELECT xmlelement(name blog, xmlattributes(id AS id), title) FROM tenant.blogs ORDER BY id
;;
-- raw: group by distinct
-- raw
SELECT author_id, published, count(*) FROM tenant.blogs GROUP BY DISTINCT ROLLUP (author_id), ROLLUP (author_id, published) ORDER BY 1, 2, 3
;;
-- raw: conflict on expression
-- raw
INSERT INTO tenant.authors (name) VALUES ('Ann') ON CONFLICT (lower(name)) DO UPDATE SET name = excluded.name RETURNING name
;;
-- raw: delete using query
-- raw
DELETE FROM tenant.comments c USING (SELECT id FROM tenant.blogs) b, tenant.authors a WHERE b.id = c.blog_id AND a.id = 1 RETURNING c.id
;;
-- raw: merge
-- raw
MERGE INTO tenant.ratings r USING tenant.blogs b ON r.id = b.id WHEN MATCHED THEN UPDATE SET rating = 1, id = r.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, 0)
;;
-- raw: tenant function
-- raw
SELECT tenant.shout(title) FROM tenant.blogs ORDER BY 1
;;
-- raw: extensions
-- raw
SELECT title FROM tenant.blogs WHERE title OPERATOR(extensions.%) 'Alpha' AND extensions.similarity(title, 'Alpha') > 0 AND title::extensions.citext OPERATOR(extensions.=) 'alpha' ORDER BY 1
;;
-- raw: expressions with from
-- raw
SELECT extract(year FROM created_at), substring(title FROM 1 FOR 2), title IS DISTINCT FROM 'x', 2 * count(*) OVER () FROM tenant.blogs, shared.plans ORDER BY 1, 2
;;
-- function beside a table of another query
SELECT n.x, (SELECT b.title FROM blogs b WHERE b.id = n.x) FROM unnest(ARRAY[1]) AS n(x)
;;
-- alias twice with its column named
SELECT n.id, (SELECT n.id FROM blogs n LIMIT 1) FROM unnest(ARRAY[1]) AS n(id)
;;
-- join with an alias
SELECT j.name FROM (authors a CROSS JOIN (SELECT 1 AS one) AS o) AS j ORDER BY 1
;;
-- configurations
SELECT to_tsvector('pg_catalog.english', title), to_tsquery(('simple'), 'x'), to_tsvector(title), ts_headline(title, 'a'::tsquery, 'MaxWords=9, MinWords=1'), jsonb_to_tsvector(data, '["all"]') FROM blogs ORDER BY id
;;
-- configurations of parameters
-- bind: 'hello'
SELECT to_tsvector('simple', $1), ts_headline('simple', $1, plainto_tsquery('simple', 'x'))
;;
-- strings beside each other
SELECT 'a' || 'b', 'c'
, 'd'
;;
-- and operator before a name
SELECT 1 & tenant.one()
;;
-- raw: columns by table, alias and cte
-- raw
WITH c AS (SELECT 1 AS id) SELECT blogs.id, b.title, c.id, s.n, v.x FROM tenant.blogs, tenant.authors AS a, c, tenant.blogs b, (SELECT 1 AS n) s, (VALUES (1)) AS v(x) ORDER BY blogs.id, b.id, a.id
;;
-- raw: casts
-- raw
SELECT id::text, CAST(views AS double precision), '1'::numeric(10, 2), '{1}'::int[], 'x'::pg_catalog.text, inet '10.0.0.1', timestamp with time zone '2020-01-01 00:00+00', 'a'::extensions.citext FROM tenant.blogs ORDER BY id
;;
-- raw: columns with types
-- raw
SELECT r.a, r.b FROM jsonb_to_recordset('[]'::jsonb) AS r(a numeric(10, 2), b text)
;;
-- raw: configurations
-- raw
SELECT to_tsvector('english', body), ts_headline('simple', body, plainto_tsquery('english', 'x')), ts_headline(body, 'a'::tsquery, 'MaxWords=9, MinWords=1'), to_tsvector(body) FROM tenant.blogs ORDER BY id
;;
-- raw: insert with alias
-- raw
INSERT INTO tenant.ratings AS r (id, rating) SELECT b.id, 1 FROM tenant.blogs b WHERE true ON CONFLICT (id) DO UPDATE SET rating = r.rating + excluded.rating, id = r.id RETURNING r.rating
;;
-- raw: with of one side
-- raw
SELECT q.x FROM (WITH c AS (SELECT 1 AS x) SELECT c.x FROM c) q UNION SELECT c.x FROM (SELECT 2 AS x) c
;;
-- raw: search and cycle
-- raw
WITH RECURSIVE t(id, parent_id) AS (SELECT id, parent_id FROM tenant.comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM tenant.comments c JOIN t ON c.parent_id = t.id) SEARCH BREADTH FIRST BY id SET o CYCLE id, parent_id SET looped TO 'y' DEFAULT 'n' USING way SELECT t.id FROM t ORDER BY t.o
;;
-- raw: ordinality
-- raw
SELECT b.id, t.tag, t.n FROM tenant.blogs b, unnest(b.tags) WITH ORDINALITY AS t(tag, n) ORDER BY 1, 3
;;
-- raw: names behind a dot
-- raw
SELECT b."from", b.merge FROM (SELECT 1 AS "from", 2 AS "merge") AS b
;;
-- raw: update from
-- raw
UPDATE tenant.comments c SET body = b.title, blog_id = b.id FROM tenant.blogs b JOIN tenant.authors a ON a.id = b.author_id WHERE b.id = c.blog_id RETURNING c.id
;;
-- raw: delete with an alias
-- raw
DELETE FROM tenant.comments AS c USING tenant.blogs b WHERE b.id = c.blog_id RETURNING c.id, b.id
;;
-- raw: aggregate in a group
-- raw
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b.views) FROM tenant.blogs b GROUP BY b.author_id ORDER BY 1
;;
-- column of a function by its alias
SELECT n.n, e.value, b.tag FROM generate_series(1, 2) AS n, jsonb_array_elements_text('[1]'::jsonb) AS e, pg_catalog.unnest(ARRAY['a']) AS b(tag), unnest(ARRAY['a']) t WHERE t.t = 'a' ORDER BY 1
;;
-- raw: column of a function by its alias
-- raw
SELECT n.n, e.value FROM pg_catalog.generate_series(1, 2) AS n, jsonb_array_elements_text('[1]'::jsonb) AS e ORDER BY 1
;;
-- shared: table of public
-- shared
-- bind: 1
SELECT u.id, u.email FROM public.users u WHERE u.id = $1
;;
-- shared: table of public by its name
-- shared
SELECT users.id FROM public.users ORDER BY users.id
;;
-- shared: join of public and shared
-- shared
SELECT u.id, p.name FROM public.users AS u JOIN shared.plans AS p ON p.id = u.plan_id ORDER BY 1
;;
-- shared: quoted schema
-- shared
SELECT "Total" FROM "public"."Order" ORDER BY 1
;;
-- shared: tenants and domains are read
-- shared
SELECT t.slug, d.host FROM tenancy.tenants t LEFT JOIN tenancy.domains d ON d.tenant_id = t.id ORDER BY 1
;;
-- shared: cte
-- shared
WITH recent AS (SELECT id FROM public.users WHERE id > 1) SELECT count(*) FROM recent
;;
-- shared: recursive cte
-- shared
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n, shared.plans p WHERE p.id = n.i
;;
-- shared: insert
-- shared
-- bind: 'x'
INSERT INTO public.users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING users.id
;;
-- shared: insert into shared
-- shared
INSERT INTO shared.plans AS p (name) SELECT u.email FROM public.users u RETURNING p.id
;;
-- shared: update
-- shared
UPDATE shared.plans p SET price = 2 FROM public.users u WHERE u.plan_id = p.id RETURNING p.id
;;
-- shared: delete
-- shared
DELETE FROM public.users u USING shared.plans p WHERE p.id = u.plan_id AND p.name = 'gone' RETURNING u.id
;;
-- shared: merge
-- shared
MERGE INTO public.users u USING shared.plans p ON u.plan_id = p.id WHEN MATCHED THEN UPDATE SET plan_id = p.id WHEN NOT MATCHED THEN INSERT (email) VALUES (p.name)
;;
-- shared: lock
-- shared
SELECT id FROM public.users WHERE id = 1 FOR UPDATE
;;
-- shared: function of public
-- shared
SELECT public.shout(u.email) FROM public.users u ORDER BY 1
;;
-- shared: table function of shared
-- shared
SELECT f.n FROM shared.numbers() AS f(n) ORDER BY 1
;;
-- shared: extension
-- shared
SELECT u.id FROM public.users u WHERE u.email OPERATOR(extensions.%) 'ann' AND extensions.similarity(u.email, 'ann') > 0
;;
-- shared: subqueries
-- shared
SELECT (SELECT max(p.id) FROM shared.plans p), EXISTS (SELECT 1 FROM public.users u WHERE u.id = 1)
;;
-- raw shared: for no key update
-- shared
-- raw
SELECT u.id FROM public.users u ORDER BY 1 FOR NO KEY UPDATE
;;
-- raw shared: conflict on expression
-- shared
-- raw
INSERT INTO public.users (email) VALUES ('x') ON CONFLICT (lower(email)) DO NOTHING
;;
-- raw shared: only
-- shared
-- raw
SELECT t.slug FROM ONLY tenancy.tenants t ORDER BY 1
;;
-- running total over a range frame
SELECT id, sum(views) OVER (ORDER BY created_at RANGE BETWEEN interval '30 days' PRECEDING AND CURRENT ROW) FROM blogs ORDER BY id
;;
-- frame between following
SELECT id, array_agg(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) FROM blogs ORDER BY id
;;
-- groups frame
SELECT id, count(*) OVER (ORDER BY author_id GROUPS 1 PRECEDING) FROM blogs ORDER BY id
;;
-- first and nth value
SELECT id, first_value(title) OVER w, nth_value(title, 2) OVER w, ntile(2) OVER w FROM blogs WINDOW w AS (PARTITION BY author_id ORDER BY id) ORDER BY id
;;
-- window with filter
SELECT id, count(*) FILTER (WHERE published) OVER (PARTITION BY author_id) FROM blogs ORDER BY id
;;
-- top of each group
SELECT t.id, t.title FROM (SELECT id, title, row_number() OVER (PARTITION BY author_id ORDER BY views DESC) AS n FROM blogs) AS t WHERE t.n = 1 ORDER BY t.id
;;
-- grouping sets with rollup
SELECT author_id, published, count(*), grouping(author_id, published) FROM blogs GROUP BY GROUPING SETS (ROLLUP (author_id), (published)) ORDER BY 1, 2, 3, 4
;;
-- group by expression
SELECT date_trunc('month', created_at AT TIME ZONE 'UTC') AS month, count(*) FROM blogs GROUP BY 1 ORDER BY 1
;;
-- mode and percentiles
SELECT mode() WITHIN GROUP (ORDER BY author_id), percentile_disc(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY views) FROM blogs
;;
-- hypothetical rank
SELECT rank(10) WITHIN GROUP (ORDER BY views) FROM blogs
;;
-- array aggregate with filter
SELECT author_id, array_agg(title ORDER BY title) FILTER (WHERE published IS NOT FALSE) FROM blogs GROUP BY author_id ORDER BY author_id
;;
-- json object aggregate
SELECT jsonb_object_agg(id, title ORDER BY id) FROM blogs
;;
-- json path with variables
-- bind: 'y'
SELECT id FROM blogs WHERE jsonb_path_exists(data, '$.tags[*] ? (@ == $t)', jsonb_build_object('t', $1::text)) ORDER BY id
;;
-- json path operators
SELECT id FROM blogs WHERE data @? '$.n.deep[*] ? (@ > 1)' OR data @@ '$.lang == "de"' ORDER BY id
;;
-- json deep access
SELECT id, data -> 'n' -> 'deep' ->> 0, data #> '{n,deep}', (data ->> 'lang')::text FROM blogs ORDER BY id
;;
-- json keys any and all
SELECT id FROM blogs WHERE data ?| ARRAY['lang', 'x'] AND data ?& ARRAY['tags'] ORDER BY id
;;
-- json subscripts
SELECT data['n']['deep'][1], b.data['tags'] FROM blogs b ORDER BY b.id
;;
-- json set and remove
UPDATE blogs SET data = (data || '{"seen": true}'::jsonb) - 'lang' #- '{n,deep,0}' WHERE id = 1 RETURNING data
;;
-- json elements joined
SELECT b.id, t.value, t.ordinality FROM blogs b CROSS JOIN LATERAL jsonb_array_elements_text(b.data -> 'tags') WITH ORDINALITY AS t(value, ordinality) ORDER BY 1, 3
;;
-- jsonb to record
SELECT r.lang, r.tags FROM blogs b, jsonb_to_record(b.data) AS r(lang text, tags jsonb) ORDER BY b.id
;;
-- insert from json
-- bind: '[{"blog":1,"text":"a"},{"blog":2,"text":"b"}]'
INSERT INTO comments (blog_id, body) SELECT r.blog, r.text FROM jsonb_to_recordset($1::jsonb) AS r(blog int, text text) RETURNING blog_id, body
;;
-- lateral of two
SELECT a.name, x.title, y.n FROM authors a LEFT JOIN LATERAL (SELECT b.id, b.title FROM blogs b WHERE b.author_id = a.id ORDER BY b.views DESC LIMIT 1) x ON true LEFT JOIN LATERAL (SELECT count(*) AS n FROM comments c WHERE c.blog_id = x.id) y ON true ORDER BY 1
;;
-- lateral values
SELECT b.id, v.k, v.v FROM blogs b CROSS JOIN LATERAL (VALUES ('title', b.title), ('body', b.body)) AS v(k, v) ORDER BY 1, 2
;;
-- upsert with where
-- bind: 1, 77
INSERT INTO ratings (id, rating) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET rating = greatest(ratings.rating, excluded.rating) WHERE ratings.rating IS DISTINCT FROM excluded.rating RETURNING rating
;;
-- upsert many
-- bind: ARRAY[1,50], ARRAY[5,6]
INSERT INTO ratings (id, rating) SELECT u.id, u.r FROM unnest($1::int[], $2::bigint[]) AS u(id, r) ON CONFLICT (id) DO UPDATE SET rating = excluded.rating
;;
-- upsert tuple
INSERT INTO ratings (id, rating) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET (id, rating) = (SELECT excluded.id, excluded.rating + 1) RETURNING rating
;;
-- merge with cte and three branches
WITH s AS (SELECT author_id AS id, sum(views) AS n FROM blogs WHERE author_id IS NOT NULL GROUP BY author_id) MERGE INTO ratings AS r USING s ON s.id = r.id WHEN MATCHED AND s.n > 100 THEN UPDATE SET rating = s.n WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND s.n > 0 THEN INSERT (id, rating) VALUES (s.id, s.n)
;;
-- merge values
MERGE INTO ratings r USING (VALUES (1, 5), (70, 7)) AS v(id, n) ON r.id = v.id WHEN MATCHED THEN UPDATE SET rating = v.n WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (v.id, v.n)
;;
-- merge default
MERGE INTO ratings r USING blogs b ON r.id = b.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, DEFAULT)
;;
-- recursive path
WITH RECURSIVE tree AS (SELECT id, ARRAY[id] AS path, body FROM comments WHERE parent_id IS NULL UNION ALL SELECT c.id, t.path || c.id, c.body FROM tree t JOIN comments c ON c.parent_id = t.id WHERE NOT c.id = ANY (t.path)) SELECT path, repeat('  ', cardinality(path) - 1) || body FROM tree ORDER BY path
;;
-- recursive dates
WITH RECURSIVE days(d) AS (SELECT date '2020-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < date '2020-01-04') SELECT d, (SELECT count(*) FROM blogs WHERE (created_at AT TIME ZONE 'UTC')::date = d) FROM days ORDER BY d
;;
-- array functions
SELECT array_append(tags, 'z'), array_remove(tags, 'a'), array_position(tags, 'b'), array_to_string(tags, '+'), tags || ARRAY['c'], cardinality(tags), tags <@ ARRAY['a', 'b', 'c'] FROM blogs ORDER BY id
;;
-- array of arrays
SELECT ARRAY[[1, 2], [3, 4]], (ARRAY[[1, 2], [3, 4]])[2][1], ARRAY[]::text[] FROM blogs WHERE id = 1
;;
-- array in values
-- bind: 't', 'y'
INSERT INTO blogs (title, tags) VALUES ($1, ARRAY['x', $2]) RETURNING tags
;;
-- not any of array
-- bind: ARRAY[1]
SELECT id FROM blogs WHERE id <> ALL ($1) AND title LIKE ANY (ARRAY['A%', 'B%']) ORDER BY id
;;
-- unnest two
SELECT u.a, u.b FROM unnest(ARRAY[1, 2], ARRAY['x', 'y', 'z']) AS u(a, b)
;;
-- unnest with ordinality joined
-- bind: ARRAY[3,1]
SELECT b.id FROM unnest($1::int[]) WITH ORDINALITY AS o(id, n) JOIN blogs b ON b.id = o.id ORDER BY o.n
;;
-- full text rank
-- bind: 'fox'
SELECT id, ts_rank_cd(setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', coalesce(body, '')), 'B'), q) FROM blogs, plainto_tsquery('english', $1) AS q ORDER BY 2 DESC, 1
;;
-- full text phrase
SELECT id, ts_headline('english', body, q.q, 'StartSel=<, StopSel=>') FROM blogs, phraseto_tsquery('english', 'quick brown') AS q(q) WHERE to_tsvector('english', body) @@ q.q
;;
-- skip locked queue
WITH next AS (SELECT id FROM comments WHERE parent_id IS NULL ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED) UPDATE comments c SET body = 'taken' FROM next n WHERE n.id = c.id RETURNING c.id
;;
-- delete with limit
DELETE FROM comments WHERE id IN (SELECT id FROM comments ORDER BY id DESC LIMIT 2) RETURNING id
;;
-- two locks
SELECT b.id FROM blogs b JOIN authors a ON a.id = b.author_id ORDER BY 1 FOR UPDATE OF b NOWAIT FOR SHARE OF a
;;
-- date arithmetic
SELECT created_at + interval '1 day' * 2, age(timestamptz '2020-02-01 00:00+00', timestamptz '2020-01-01 00:00+00'), extract(epoch FROM interval '1 hour'), created_at::date - date '2020-01-01', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM blogs ORDER BY id
;;
-- overlapping periods
SELECT (date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', interval '1 month')
;;
-- range operators
-- bind: '2020-01-01'
SELECT id, lower(during), upper(during), upper_inf(during), during && tstzrange($1, NULL, '[)') FROM blogs WHERE during @> timestamptz '2020-01-03 12:00+00' OR during << tstzrange('2030-01-01', NULL) ORDER BY id
;;
-- range aggregate
SELECT range_agg(during)::text FROM blogs
;;
-- values with a cast
-- bind: 1
SELECT v.id, b.title FROM (VALUES ($1::int), (2)) AS v(id) LEFT JOIN blogs b USING (id) ORDER BY 1
;;
-- values in where
SELECT id FROM blogs WHERE (id, author_id) IN (VALUES (1, 1), (3, 2)) ORDER BY id
;;
-- row in list
SELECT id FROM blogs WHERE (author_id, published) IN ((1, true), (2, true)) ORDER BY id
;;
-- keyset page
-- bind: 3, 2
SELECT id, title FROM blogs WHERE ($1::int IS NULL OR (created_at, id) < (SELECT created_at, id FROM blogs WHERE id = $1)) ORDER BY created_at DESC, id DESC LIMIT $2
;;
-- update from values
UPDATE blogs AS b SET views = v.n FROM (VALUES (1, 11), (2, 22)) AS v(id, n) WHERE v.id = b.id RETURNING b.id, b.views
;;
-- update by row
UPDATE authors SET (name, email) = ROW('Zed', NULL) WHERE id = 3 RETURNING name, email
;;
-- update two by parentheses
UPDATE authors SET (name, email) = ('Zed', DEFAULT) WHERE id = 3 RETURNING name, email
;;
-- delete using join
DELETE FROM comments c USING blogs b JOIN authors a ON a.id = b.author_id WHERE b.id = c.blog_id AND a.name LIKE 'A%' RETURNING c.id
;;
-- delete by cte
-- bind: '2020-01-02'
WITH old AS (SELECT id FROM blogs WHERE created_at < $1) DELETE FROM comments USING old WHERE comments.blog_id = old.id RETURNING comments.id
;;
-- two writing ctes
WITH a AS (INSERT INTO authors (name) VALUES ('New') RETURNING id, name), b AS (INSERT INTO blogs (title, author_id) SELECT 'by ' || a.name, a.id FROM a RETURNING title) SELECT title FROM b
;;
-- insert if absent
INSERT INTO authors (name) SELECT 'Dee' WHERE NOT EXISTS (SELECT 1 FROM authors WHERE name = 'Dee') RETURNING name
;;
-- insert of union
INSERT INTO comments (blog_id, body) SELECT id, 'x' FROM blogs WHERE id = 1 UNION ALL SELECT id, 'y' FROM blogs WHERE id = 2 RETURNING body
;;
-- series of days
SELECT d::date, count(b.id) FROM generate_series(timestamp '2020-01-01', timestamp '2020-01-03', interval '1 day') AS d LEFT JOIN blogs b ON (b.created_at AT TIME ZONE 'UTC')::date = d::date GROUP BY d ORDER BY d
;;
-- series of numbers
SELECT n, n % 2 = 0 AS even FROM generate_series(1, 5, 2) AS s(n)
;;
-- trigram operator
-- bind: 'Alpa'
SELECT title FROM blogs WHERE title OPERATOR(extensions.%) $1 ORDER BY title OPERATOR(extensions.<->) $1, id
;;
-- unaccent
SELECT extensions.unaccent('extensions.unaccent', 'Hôtel'), extensions.unaccent(title) FROM blogs ORDER BY id
;;
-- citext compared
-- bind: 'ALPHA'
SELECT id FROM blogs WHERE lower(title) = lower($1) ORDER BY id
;;
-- case in order
SELECT id FROM blogs ORDER BY CASE WHEN published THEN 0 WHEN published IS NULL THEN 2 ELSE 1 END, id DESC
;;
-- case in aggregate
SELECT sum(CASE WHEN published THEN views ELSE 0 END), count(DISTINCT author_id), max(views) - min(views) FROM blogs
;;
-- collation in comparison
SELECT id FROM blogs WHERE title COLLATE "C" > 'B' ORDER BY title COLLATE pg_catalog."C" DESC
;;
-- fetch with ties
SELECT id, author_id FROM blogs WHERE author_id IS NOT NULL ORDER BY author_id FETCH FIRST 1 ROW WITH TIES
;;
-- offset and fetch
SELECT id FROM blogs ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY
;;
-- offset before limit
-- bind: 1, 2
SELECT id FROM blogs ORDER BY id OFFSET $1 LIMIT $2
;;
-- limit all
SELECT id FROM blogs ORDER BY id LIMIT ALL
;;
-- tablesample with alias
SELECT b.id FROM blogs AS b TABLESAMPLE SYSTEM (100) REPEATABLE (7) ORDER BY 1
;;
-- distinct from null
SELECT count(*) FROM blogs a JOIN blogs b ON a.author_id IS NOT DISTINCT FROM b.author_id
;;
-- any with operator
SELECT id FROM blogs WHERE views > ANY (SELECT max(views) / 2 FROM blogs) ORDER BY id
;;
-- some
SELECT id FROM blogs WHERE id = SOME (ARRAY[1, 2]) ORDER BY id
;;
-- nested case and coalesce
SELECT coalesce((SELECT min(c.body) FROM comments c WHERE c.blog_id = b.id), CASE WHEN b.body IS NULL THEN 'none' ELSE left(b.body, 3) END) FROM blogs b ORDER BY b.id
;;
-- string functions
SELECT format('%s-%s', id, title), split_part(title, 'e', 1), regexp_replace(title, '[aeiou]', '', 'g'), starts_with(title, 'B'), lpad(id::text, 3, '0'), concat_ws(',', id, title), md5(title), encode(sha256(title::bytea), 'hex') FROM blogs ORDER BY id
;;
-- regexp matches
SELECT b.id, m.m[1] FROM blogs b CROSS JOIN LATERAL regexp_matches(b.title, '([A-Z])', 'g') AS m(m) ORDER BY 1
;;
-- numbers
SELECT round(price, 1), trunc(price), price::int, 5 / 2.0, 7 % 3, 2 ^ 3, abs(-1), 1e3, .5, width_bucket(views, 0, 100, 4) FROM blogs ORDER BY id
;;
-- bits and booleans
SELECT 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 2, bool_or(published), every(views > 0) FROM blogs
;;
-- intersect all
SELECT author_id FROM blogs INTERSECT ALL SELECT id FROM authors ORDER BY 1
;;
-- except all with order
(SELECT author_id FROM blogs) EXCEPT ALL (SELECT id FROM authors) ORDER BY 1 NULLS FIRST LIMIT 3
;;
-- join of three by using
SELECT b.id, r.rating, c.n FROM blogs b JOIN ratings r USING (id) LEFT JOIN counters c USING (id) ORDER BY b.id
;;
-- cross join of shared
SELECT a.name, p.name FROM authors AS a CROSS JOIN shared.plans AS p WHERE p.price < 15 ORDER BY 1, 2
;;
-- not materialized lookups
WITH big AS NOT MATERIALIZED (SELECT id, views FROM blogs) SELECT a.id FROM big a JOIN big b ON b.views > a.views GROUP BY a.id ORDER BY a.id
;;
-- count distinct on rows
SELECT count(DISTINCT (author_id, published)) FROM blogs
;;
-- is true and unknown
SELECT id FROM blogs WHERE published IS NOT TRUE AND (views > 5) IS NOT UNKNOWN ORDER BY id
;;
-- similar with escape
SELECT id FROM blogs WHERE title NOT SIMILAR TO '%(a|b)%' OR title LIKE 'x!%' ESCAPE '!' ORDER BY id
;;
-- aliases with keywords
SELECT b.id AS "order", b.title AS value, b.views AS type, b.body AS name FROM blogs b ORDER BY "order"
;;
-- quoted everything
-- bind: 'Alpha'
SELECT "b"."id" FROM "blogs" AS "b" WHERE "b"."title" = $1
;;
-- exists twice
SELECT EXISTS (SELECT 1 FROM blogs) AND NOT EXISTS (SELECT 1 FROM blogs WHERE id < 0) AS ok
;;
-- current values
SELECT current_date = now()::date, localtimestamp IS NOT NULL, clock_timestamp() >= statement_timestamp()
;;
-- insert returning expressions
-- bind: 4
INSERT INTO counters (n) VALUES ($1) RETURNING n * 2 AS double, n::text || '!' AS loud
;;
-- update returning old and joined
-- bind: 1
UPDATE blogs b SET views = b.views + 1 FROM blogs old WHERE old.id = b.id AND b.id = $1 RETURNING old.views AS before, b.views AS after
;;
-- tenant function in where
SELECT id FROM blogs WHERE tenant.shout(title) = 't1 ALPHA'
;;
-- cast of a row of parameters
-- bind: 1, 'Alpha'
SELECT b.id FROM blogs b WHERE (b.id, b.title) = ($1::int, $2::text)
;;
-- array slices
SELECT tags[:1], tags[2:], (tags)[1] FROM blogs ORDER BY id
;;
-- json build in update
UPDATE blogs SET data = jsonb_build_object('by', (SELECT name FROM authors a WHERE a.id = blogs.author_id), 'n', jsonb_array_length(coalesce(data -> 'tags', '[]'::jsonb))) WHERE id IN (1, 2) RETURNING data
;;
-- group by primary key
SELECT b.id, b.title, count(c.id) FROM blogs b LEFT JOIN comments c ON c.blog_id = b.id GROUP BY b.id ORDER BY b.id
;;
-- having without group
SELECT count(*) FROM blogs HAVING count(*) > 1
;;
-- interval forms
SELECT interval '1 year 2 months', '3 days'::interval, interval '90' minute, make_interval(hours => 2) FROM blogs WHERE id = 1
;;
-- at local zones
-- bind: 'UTC'
SELECT timezone('Europe/Berlin', created_at), created_at AT TIME ZONE $1 FROM blogs ORDER BY id
;;
-- normalized text
SELECT normalize('é', NFC) = 'é', 'é' IS NORMALIZED, 'a' IS NFC NORMALIZED
;;
-- system versions of trim
SELECT trim(LEADING 'x' FROM 'xxa'), trim('  b '), trim(TRAILING ' ' FROM 'c '), ltrim('xxd', 'x'), position('b' IN 'abc'), substring('abc' FROM '[bc]')
;;
-- raw: join using with an alias
-- raw
SELECT j.id, b.title FROM tenant.blogs b JOIN tenant.ratings r USING (id) AS j ORDER BY 1
;;
-- raw: commas after on
-- raw
SELECT b.id, greatest(b.views, 1, 2) FROM tenant.blogs b JOIN tenant.ratings r ON r.id IN (b.id, 99) AND b.views > least(1, 2) ORDER BY 1
;;
-- raw: rows after on
-- raw
SELECT b.id FROM tenant.blogs b JOIN tenant.authors a ON (a.id, 1) = (b.author_id, 1), tenant.counters c ORDER BY 1
;;
-- raw: array after on
-- raw
SELECT b.id FROM tenant.blogs b JOIN tenant.authors a ON a.id = ANY (ARRAY[b.author_id, 5]) ORDER BY 1
;;
-- raw: upsert on a lower email
-- raw
-- bind: 'ANN', 'x@example.com'
INSERT INTO tenant.authors (name, email) VALUES ($1, $2) ON CONFLICT (lower(name)) DO UPDATE SET email = excluded.email RETURNING email
;;
-- raw: frame exclude ties
-- raw
SELECT id, sum(views) OVER (ORDER BY author_id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM tenant.blogs ORDER BY id
;;
-- raw: lock of two
-- raw
SELECT b.id FROM tenant.blogs b JOIN tenant.authors a ON a.id = b.author_id ORDER BY 1 FOR NO KEY UPDATE OF b, a SKIP LOCKED
;;
-- raw: rows from with ordinality
-- raw
SELECT r.a, r.b, r.n FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['x', 'y'])) WITH ORDINALITY AS r(a, b, n) ORDER BY 3
;;
-- raw: insert overriding user
-- raw
INSERT INTO tenant.authors (id, name) OVERRIDING USER VALUE VALUES (5, 'Over') RETURNING name
;;
-- raw: update of an element
-- raw
-- bind: 'q'
UPDATE tenant.blogs SET tags[2] = $1, data['lang'] = '"fr"' WHERE id = 1 RETURNING tags, data
;;
-- raw: between symmetric
-- raw
SELECT id FROM tenant.blogs WHERE views NOT BETWEEN SYMMETRIC 10 AND 1 ORDER BY id
;;
-- raw: xml
-- raw
SELECT xmlforest(id AS id, title AS t) FROM tenant.blogs ORDER BY id
;;
-- raw: recursive search and cycle
-- raw
WITH RECURSIVE t(id, parent) AS (SELECT c.id, c.parent_id FROM tenant.comments c WHERE c.parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM tenant.comments c JOIN t ON c.parent_id = t.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET looped USING way SELECT t.id, t.looped FROM t ORDER BY t.o
;;
-- raw: delete only
-- raw
DELETE FROM ONLY tenant.comments c WHERE c.id = 1 RETURNING c.body
;;
-- raw: group by distinct
-- raw
SELECT author_id, count(*) FROM tenant.blogs GROUP BY DISTINCT ROLLUP (author_id), ROLLUP (author_id) ORDER BY 1, 2
;;
-- raw: brackets after on
-- raw
SELECT b.id FROM tenant.blogs b JOIN tenant.authors a ON b.tags && ARRAY['a', 'b'] AND a.id = (ARRAY[[1, 2], [3, 4]])[1][1] ORDER BY 1
;;
-- raw: trailing blanks
-- raw
SELECT trim(TRAILING FROM b.title) FROM tenant.blogs b ORDER BY 1
;;
-- type of the app
SELECT b.id, 'high'::shared.mood > CAST('low' AS shared.mood), ARRAY['low']::shared.mood[] FROM blogs b ORDER BY 1
;;
-- raw: type of the app
-- raw
SELECT b.id, 'high'::shared.mood > CAST('low' AS shared.mood) FROM tenant.blogs b ORDER BY 1
;;
-- shared: types of the app
-- shared
SELECT u.id, 'a'::public.kind FROM public.users u ORDER BY 1
;;
