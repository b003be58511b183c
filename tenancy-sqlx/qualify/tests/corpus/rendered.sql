-- The accepted statements for a tenant in schema t1.
;;
-- one table
-- Read [blogs] 1
SELECT id, title FROM "t1".blogs WHERE id = $1
;;
-- aliased table
-- Read [blogs] 0
SELECT b.id, b.title FROM "t1".blogs AS b ORDER BY b.id
;;
-- column by its table
-- Read [blogs] 0
SELECT blogs.title FROM "t1".blogs WHERE blogs.id < 3 ORDER BY blogs.id
;;
-- explicit tenant
-- Read [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id ORDER BY 1
;;
-- shared table
-- Read [] 0
SELECT p.name FROM shared.plans p ORDER BY p.name
;;
-- shared and tenant
-- Read [blogs] 0
SELECT b.id, p.name FROM "t1".blogs b CROSS JOIN shared.plans p ORDER BY 1, 2
;;
-- inner join using
-- Read [blogs ratings] 0
SELECT title, rating FROM "t1".blogs JOIN "t1".ratings USING (id) ORDER BY id
;;
-- left join
-- Read [authors blogs] 0
SELECT a.name, b.title FROM "t1".authors a LEFT JOIN "t1".blogs b ON b.author_id = a.id ORDER BY a.id, b.id
;;
-- right join
-- Read [authors blogs] 0
SELECT a.name, b.title FROM "t1".blogs b RIGHT JOIN "t1".authors a ON b.author_id = a.id ORDER BY 1, 2
;;
-- full join
-- Read [authors blogs] 0
SELECT a.id, b.id FROM "t1".authors a FULL JOIN "t1".blogs b ON b.id = a.id ORDER BY 1, 2
;;
-- comma join
-- Read [authors blogs] 0
SELECT a.name, b.title FROM "t1".authors a, "t1".blogs b WHERE b.author_id = a.id ORDER BY 1, 2
;;
-- nested join
-- Read [authors blogs comments] 0
SELECT a.name, c.body FROM "t1".authors a JOIN ("t1".blogs b JOIN "t1".comments c ON c.blog_id = b.id) ON b.author_id = a.id ORDER BY 1, 2
;;
-- self join
-- Read [blogs] 0
SELECT x.id, y.id FROM "t1".blogs x JOIN "t1".blogs y ON y.author_id = x.author_id AND y.id > x.id ORDER BY 1, 2
;;
-- lateral query
-- Read [authors blogs] 0
SELECT a.name, l.title FROM "t1".authors a CROSS JOIN LATERAL (SELECT b.title FROM "t1".blogs b WHERE b.author_id = a.id ORDER BY b.id LIMIT 1) AS l ORDER BY 1
;;
-- left lateral
-- Read [authors blogs] 0
SELECT a.name, l.n FROM "t1".authors a LEFT JOIN LATERAL (SELECT count(*) AS n FROM "t1".blogs b WHERE b.author_id = a.id) l ON true ORDER BY 1
;;
-- lateral json
-- Read [blogs] 0
SELECT b.id, t.tag FROM "t1".blogs b CROSS JOIN LATERAL jsonb_array_elements_text(b.data -> 'tags') AS t(tag) ORDER BY 1, 2
;;
-- json each
-- Read [blogs] 0
SELECT b.id, e.key, e.value FROM "t1".blogs b, jsonb_each_text(b.data - 'tags') AS e ORDER BY 1, 2
;;
-- json recordset
-- Read [] 0
SELECT r.a, r.b FROM jsonb_to_recordset('[{"a":1,"b":"x"}]'::jsonb) AS r(a int, b text)
;;
-- json operators
-- Read [blogs] 0
SELECT id, data ->> 'lang', data #>> '{tags,0}' FROM "t1".blogs WHERE data @> '{"lang":"en"}' AND data ? 'lang' ORDER BY id
;;
-- json building
-- Read [blogs] 0
SELECT jsonb_build_object('id', b.id, 'tags', b.tags) FROM "t1".blogs b ORDER BY b.id
;;
-- json path
-- Read [blogs] 0
SELECT id, jsonb_path_query_first(data, '$.tags[0]') FROM "t1".blogs ORDER BY id
;;
-- json aggregate
-- Read [blogs] 0
SELECT jsonb_agg(jsonb_build_object('t', title) ORDER BY id) FROM "t1".blogs
;;
-- json update
-- Write [blogs] 2
UPDATE "t1".blogs SET data = jsonb_set(data, '{lang}', to_jsonb($1::text)) WHERE id = $2 RETURNING data
;;
-- subquery in from
-- Read [blogs] 0
SELECT s.n FROM (SELECT count(*) AS n FROM "t1".blogs) AS s
;;
-- subquery in select
-- Read [authors blogs] 0
SELECT a.name, (SELECT max(b.views) FROM "t1".blogs b WHERE b.author_id = a.id) AS most FROM "t1".authors a ORDER BY 1
;;
-- exists
-- Read [authors blogs] 0
SELECT name FROM "t1".authors a WHERE EXISTS (SELECT 1 FROM "t1".blogs WHERE author_id = a.id) ORDER BY 1
;;
-- not exists
-- Read [authors blogs] 0
SELECT name FROM "t1".authors a WHERE NOT EXISTS (SELECT 1 FROM "t1".blogs b WHERE b.author_id = a.id)
;;
-- in subquery
-- Read [authors blogs] 0
SELECT title FROM "t1".blogs WHERE author_id IN (SELECT id FROM "t1".authors WHERE name LIKE 'A%') ORDER BY 1
;;
-- any subquery
-- Read [authors blogs] 0
SELECT title FROM "t1".blogs WHERE author_id = ANY (SELECT id FROM "t1".authors) ORDER BY 1
;;
-- any parameter
-- Read [blogs] 1
SELECT title FROM "t1".blogs WHERE id = ANY($1) ORDER BY 1
;;
-- all subquery
-- Read [blogs] 0
SELECT title FROM "t1".blogs WHERE views >= ALL (SELECT views FROM "t1".blogs)
;;
-- array subquery
-- Read [authors blogs] 0
SELECT a.name, ARRAY(SELECT b.title FROM "t1".blogs b WHERE b.author_id = a.id ORDER BY b.id) FROM "t1".authors a ORDER BY 1
;;
-- union
-- Read [authors blogs] 0
SELECT name FROM "t1".authors UNION SELECT title FROM "t1".blogs ORDER BY 1
;;
-- union all of parentheses
-- Read [authors blogs] 0
(SELECT name FROM "t1".authors ORDER BY id LIMIT 1) UNION ALL (SELECT title FROM "t1".blogs ORDER BY id LIMIT 1)
;;
-- except and intersect
-- Read [authors blogs comments] 0
SELECT id FROM "t1".authors EXCEPT SELECT author_id FROM "t1".blogs INTERSECT SELECT id FROM "t1".comments ORDER BY 1
;;
-- values
-- Read [] 0
VALUES (1, 'a'), (2, 'b')
;;
-- values in from
-- Read [blogs] 0
SELECT v.n, b.title FROM (VALUES (1, 'x'), (2, 'y')) AS v(id, n) JOIN "t1".blogs b ON b.id = v.id ORDER BY 1
;;
-- cte
-- Read [blogs] 0
WITH recent AS (SELECT id, title FROM "t1".blogs WHERE views > 5) SELECT r.title FROM recent r ORDER BY r.id
;;
-- cte that shadows its table
-- Read [blogs] 0
WITH blogs AS (SELECT id, title FROM "t1".blogs WHERE id = 1) SELECT title FROM blogs
;;
-- sibling ctes
-- Read [authors blogs] 0
WITH a AS (SELECT id FROM "t1".authors), b AS (SELECT a.id FROM a JOIN "t1".blogs ON blogs.author_id = a.id) SELECT count(*) FROM b
;;
-- cte not yet in sight
-- Read [authors] 0
WITH comments AS (SELECT id FROM "t1".authors), x AS (SELECT id FROM comments) SELECT count(*) FROM x
;;
-- later cte out of sight
-- Read [authors comments] 0
WITH x AS (SELECT id FROM "t1".comments), comments AS (SELECT id FROM "t1".authors) SELECT count(*) FROM x
;;
-- nested with
-- Read [] 0
SELECT s.n FROM (WITH blogs AS (SELECT 7 AS n) SELECT n FROM blogs) AS s
;;
-- cte ends with its query
-- Read [blogs] 0
SELECT (WITH blogs AS (SELECT 7 AS n) SELECT n FROM blogs) AS n, title FROM "t1".blogs ORDER BY title
;;
-- cte of an earlier table
-- Read [comments] 0
SELECT b.id, c.body FROM (WITH comments AS (SELECT 7 AS id) SELECT id FROM comments) AS b, "t1".comments AS c ORDER BY 2
;;
-- cte of one side
-- Read [blogs] 0
(WITH blogs AS (SELECT 7 AS id) SELECT id FROM blogs) UNION SELECT id FROM "t1".blogs ORDER BY 1
;;
-- recursive cte
-- Read [comments] 0
WITH RECURSIVE thread AS (SELECT id, body, 1 AS depth FROM "t1".comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.body, t.depth + 1 FROM "t1".comments c JOIN thread t ON c.parent_id = t.id) SELECT id, depth FROM thread ORDER BY id
;;
-- recursive counting
-- Read [] 0
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n
;;
-- recursive name in all siblings
-- Read [authors] 0
WITH RECURSIVE one AS (SELECT id FROM blogs), blogs AS (SELECT id FROM "t1".authors) SELECT count(*) FROM one
;;
-- materialized cte
-- Read [blogs] 0
WITH x AS MATERIALIZED (SELECT id FROM "t1".blogs), y AS NOT MATERIALIZED (SELECT id FROM x) SELECT count(*) FROM y
;;
-- quoted cte
-- Read [blogs] 0
WITH "Recent" AS (SELECT id FROM "t1".blogs) SELECT count(*) FROM "Recent"
;;
-- case of names
-- Read [blogs] 0
with R as (select ID from "t1".BLOGS) select count(*) from r
;;
-- quoted table
-- Read [Order] 0
SELECT "Total" FROM "t1"."Order" ORDER BY 1
;;
-- quoted table with alias
-- Read [Order] 0
SELECT o."Total" FROM "t1"."Order" AS o ORDER BY 1
;;
-- writing cte
-- Write [comments] 0
WITH gone AS (DELETE FROM "t1".comments WHERE blog_id = 1 RETURNING id, body) SELECT id, body FROM gone ORDER BY id
;;
-- archiving cte
-- Write [authors comments] 0
WITH moved AS (DELETE FROM "t1".comments WHERE id = 1 RETURNING body) INSERT INTO "t1".authors (name) SELECT body FROM moved RETURNING name
;;
-- target is never a cte
-- Write [blogs] 0
WITH blogs AS (SELECT 1 AS id) UPDATE "t1".blogs SET views = 0 WHERE id = 1
;;
-- upsert cte
-- Write [blogs] 1
WITH up AS (UPDATE "t1".blogs SET views = views + 1 WHERE id = $1 RETURNING id) SELECT count(*) FROM up
;;
-- group by having
-- Read [blogs] 0
SELECT author_id, count(*) FROM "t1".blogs GROUP BY author_id HAVING count(*) > 1
;;
-- grouping sets
-- Read [blogs] 0
SELECT author_id, published, count(*) FROM "t1".blogs GROUP BY GROUPING SETS ((author_id), (published), ()) ORDER BY 1, 2, 3
;;
-- rollup
-- Read [blogs] 0
SELECT author_id, published, sum(views), grouping(author_id) FROM "t1".blogs GROUP BY ROLLUP (author_id, published) ORDER BY 1, 2
;;
-- cube
-- Read [blogs] 0
SELECT author_id, published, sum(views) FROM "t1".blogs GROUP BY CUBE (author_id, published) ORDER BY 1, 2, 3
;;
-- filter
-- Read [blogs] 0
SELECT count(*) FILTER (WHERE published) AS p, count(*) FROM "t1".blogs
;;
-- ordered set
-- Read [blogs] 0
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY views) FROM "t1".blogs
;;
-- string aggregate
-- Read [blogs] 0
SELECT string_agg(DISTINCT title, ', ' ORDER BY title) FROM "t1".blogs
;;
-- distinct on
-- Read [blogs] 0
SELECT DISTINCT ON (author_id) author_id, title FROM "t1".blogs ORDER BY author_id, views DESC
;;
-- window
-- Read [blogs] 0
SELECT id, rank() OVER (PARTITION BY author_id ORDER BY views DESC) FROM "t1".blogs ORDER BY id
;;
-- named window
-- Read [blogs] 0
SELECT id, sum(views) OVER w, avg(views) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM "t1".blogs WINDOW w AS (ORDER BY id) ORDER BY id
;;
-- lag and lead
-- Read [blogs] 0
SELECT id, lag(views, 1, 0) OVER (ORDER BY id), lead(views) OVER (ORDER BY id) FROM "t1".blogs ORDER BY id
;;
-- limit and offset
-- Read [blogs] 2
SELECT id FROM "t1".blogs ORDER BY id LIMIT $1 OFFSET $2
;;
-- fetch first
-- Read [blogs] 0
SELECT id FROM "t1".blogs ORDER BY views DESC FETCH FIRST 2 ROWS WITH TIES
;;
-- order with nulls
-- Read [authors] 0
SELECT name FROM "t1".authors ORDER BY name DESC NULLS LAST
;;
-- for update
-- Write [blogs] 0
SELECT id FROM "t1".blogs WHERE id = 1 FOR UPDATE
;;
-- for update of alias
-- Write [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id ORDER BY b.id FOR UPDATE OF b SKIP LOCKED
;;
-- for share nowait
-- Write [blogs] 0
SELECT id FROM "t1".blogs ORDER BY id FOR SHARE NOWAIT
;;
-- insert
-- Write [authors] 1
INSERT INTO "t1".authors (name) VALUES ($1) RETURNING name
;;
-- insert many
-- Write [authors] 0
INSERT INTO "t1".authors (name) VALUES ('x'), ('y'), (DEFAULT)
;;
-- insert default values
-- Write [counters] 0
INSERT INTO "t1".counters DEFAULT VALUES
;;
-- insert select
-- Write [authors blogs] 0
INSERT INTO "t1".authors (name) SELECT title FROM "t1".blogs WHERE id = 1 RETURNING name
;;
-- insert unnest
-- Write [ratings] 2
INSERT INTO "t1".ratings (id, rating) SELECT u.id, u.r FROM UNNEST($1::int[], $2::int[]) AS u(id, r) RETURNING id, rating
;;
-- upsert
-- Write [ratings] 0
INSERT INTO "t1".ratings AS r (id, rating) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET rating = r.rating + EXCLUDED.rating RETURNING r.rating
;;
-- upsert by table name
-- Write [ratings] 0
INSERT INTO "t1".ratings (id, rating) VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET rating = ratings.rating + excluded.rating WHERE ratings.rating > 0 RETURNING rating
;;
-- upsert nothing
-- Write [ratings] 0
INSERT INTO "t1".ratings (id, rating) VALUES (1, 9) ON CONFLICT DO NOTHING
;;
-- upsert on constraint
-- Write [ratings] 0
INSERT INTO "t1".ratings (id, rating) VALUES (1, 9) ON CONFLICT ON CONSTRAINT ratings_pkey DO NOTHING RETURNING id
;;
-- update
-- Write [blogs] 2
UPDATE "t1".blogs SET title = $2, views = views + 1 WHERE id = $1 RETURNING id, title
;;
-- update from
-- Write [authors blogs] 0
UPDATE "t1".blogs AS b SET title = a.name FROM "t1".authors a WHERE a.id = b.author_id RETURNING b.id, b.title
;;
-- update tuple
-- Write [authors blogs] 0
UPDATE "t1".blogs SET (title, views) = (SELECT name, 5 FROM "t1".authors WHERE authors.id = blogs.author_id) WHERE id = 2 RETURNING title, views
;;
-- update default
-- Write [blogs] 0
UPDATE "t1".blogs SET views = DEFAULT WHERE id = 1 RETURNING views
;;
-- update join in from
-- Write [authors blogs comments] 0
UPDATE "t1".comments SET body = b.title FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id WHERE b.id = comments.blog_id RETURNING comments.id, comments.body
;;
-- delete
-- Write [comments] 1
DELETE FROM "t1".comments WHERE blog_id = $1
;;
-- delete using
-- Write [authors blogs comments] 0
DELETE FROM "t1".comments c USING "t1".blogs b, "t1".authors a WHERE b.id = c.blog_id AND a.id = b.author_id AND a.name = 'Ann' RETURNING c.id
;;
-- merge
-- Write [blogs ratings] 0
MERGE INTO "t1".ratings AS r USING (SELECT id, views FROM "t1".blogs) AS b ON r.id = b.id WHEN MATCHED AND b.views > 100 THEN DELETE WHEN MATCHED THEN UPDATE SET rating = b.views WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, b.views)
;;
-- merge of tables
-- Write [blogs ratings] 0
MERGE INTO "t1".ratings USING "t1".blogs ON ratings.id = blogs.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (blogs.id, 0) WHEN MATCHED THEN DO NOTHING
;;
-- merge with cte
-- Write [blogs ratings] 0
WITH src AS (SELECT id, views FROM "t1".blogs) MERGE INTO "t1".ratings r USING src s ON r.id = s.id WHEN MATCHED THEN UPDATE SET rating = s.views
;;
-- case
-- Read [blogs] 0
SELECT CASE WHEN views > 10 THEN 'hot' WHEN views IS NULL THEN 'new' ELSE 'cold' END AS heat FROM "t1".blogs ORDER BY id
;;
-- case with operand
-- Read [blogs] 0
SELECT CASE author_id WHEN 1 THEN 'a' ELSE 'b' END FROM "t1".blogs ORDER BY id
;;
-- casts
-- Read [blogs] 0
SELECT id::text, CAST(views AS bigint), '2020-01-01'::date, date '2020-01-02', '{1,2}'::int[], '1.5'::numeric(10, 2), 'a'::varchar(3) FROM "t1".blogs ORDER BY id
;;
-- typed strings
-- Read [] 0
SELECT timestamp '2020-01-01 00:00', interval '1 day', uuid '00000000-0000-0000-0000-000000000000', inet '10.0.0.1'
;;
-- between and distinct from
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE views BETWEEN 1 AND 100 AND author_id IS DISTINCT FROM 9 AND title IS NOT DISTINCT FROM title ORDER BY id
;;
-- string syntax
-- Read [blogs] 0
SELECT substring(title FROM 1 FOR 3), trim(BOTH ' ' FROM title), position('o' IN title), overlay(title PLACING 'XX' FROM 1 FOR 2), upper(title) || '!' FROM "t1".blogs ORDER BY id
;;
-- extract
-- Read [blogs] 0
SELECT extract(year FROM created_at), date_trunc('day', created_at AT TIME ZONE 'UTC') FROM "t1".blogs ORDER BY id
;;
-- like and regex
-- Read [blogs] 0
SELECT title FROM "t1".blogs WHERE title ILIKE '%o%' OR title ~* '^b' OR title SIMILAR TO 'x%' ORDER BY 1
;;
-- escape string
-- Read [blogs] 0
SELECT E'a\'b\n' AS t, 'it''s' AS u, $tag$FROM pg_class$tag$ AS v FROM "t1".blogs WHERE id = 1
;;
-- arrays
-- Read [blogs] 0
SELECT tags[1], tags[1:2], array_length(tags, 1), 'a' = ANY(tags), tags && ARRAY['a'], b.tags[2] FROM "t1".blogs b ORDER BY id
;;
-- unnest
-- Read [blogs] 0
SELECT b.id, t FROM "t1".blogs b, unnest(b.tags) AS t ORDER BY 1, 2
;;
-- with ordinality
-- Read [blogs] 0
SELECT b.id, t.tag, t.n FROM "t1".blogs b, unnest(b.tags) WITH ORDINALITY AS t(tag, n) ORDER BY 1, 3
;;
-- series
-- Read [blogs] 0
SELECT d.day, count(b.id) FROM generate_series(date '2020-01-01', date '2020-01-03', interval '1 day') AS d(day) LEFT JOIN "t1".blogs b ON b.created_at::date = d.day::date GROUP BY d.day ORDER BY 1
;;
-- series without alias list
-- Read [] 0
SELECT n FROM generate_series(1, 3) AS n
;;
-- full text
-- Read [blogs] 1
SELECT id, ts_rank(to_tsvector('english', body), q.q) FROM "t1".blogs, websearch_to_tsquery('english', $1) AS q(q) WHERE to_tsvector('english', body) @@ q.q ORDER BY 1
;;
-- headline
-- Read [blogs] 0
SELECT ts_headline('english', body, plainto_tsquery('english', 'fox')) FROM "t1".blogs ORDER BY id
;;
-- ranges
-- Read [] 0
SELECT int4range(1, 5) @> 3, daterange('2020-01-01', '2020-02-01') && daterange('2020-01-15', NULL)
;;
-- row comparison
-- Read [blogs] 2
SELECT id FROM "t1".blogs WHERE (views, id) > ($1, $2) ORDER BY views, id
;;
-- collate
-- Read [blogs] 0
SELECT title FROM "t1".blogs ORDER BY title COLLATE "C"
;;
-- named argument
-- Read [] 0
SELECT make_interval(days => 3)
;;
-- catalog function
-- Read [blogs] 0
SELECT pg_catalog.lower(title) FROM "t1".blogs ORDER BY 1
;;
-- extension function
-- Read [blogs] 0
SELECT extensions.similarity(title, 'Bird') FROM "t1".blogs ORDER BY 1
;;
-- extension type
-- Read [blogs] 0
SELECT title FROM "t1".blogs WHERE title::extensions.citext OPERATOR(extensions.=) 'alpha'::extensions.citext
;;
-- extension operator
-- Read [blogs] 0
SELECT title FROM "t1".blogs WHERE title OPERATOR(extensions.%) 'Alpha' ORDER BY 1
;;
-- tenant function
-- Write [blogs] 0
SELECT "t1".shout(title) FROM "t1".blogs ORDER BY 1
;;
-- tenant table function
-- Write [] 0
SELECT f.title FROM "t1".titles() AS f(title) ORDER BY 1
;;
-- comments
-- Read [blogs] 0
SELECT /* FROM nowhere */ id -- FROM nowhere
FROM /* a /* nested */ one */ "t1".blogs ORDER BY id
;;
-- several lines
-- Read [blogs comments] 0
SELECT b.id,
       c.body
  FROM "t1".blogs AS b
  JOIN "t1".comments AS c
    ON c.blog_id = b.id
 ORDER BY 1, 2
;;
-- letters of many bytes
-- Read [blogs comments] 0
SELECT 'grüße 🎉' AS "größe", b.id FROM "t1".blogs AS b WHERE b.title <> '→' AND EXISTS (SELECT 1 FROM "t1".comments WHERE body <> 'ü' AND blog_id = b.id) ORDER BY b.id
;;
-- multi byte identifiers
-- Read [blogs] 0
SELECT é.id AS ß FROM "t1".blogs é ORDER BY é.id
;;
-- tablesample
-- Read [blogs] 0
SELECT count(*) FROM "t1".blogs TABLESAMPLE BERNOULLI (100) REPEATABLE (1)
;;
-- coalesce and friends
-- Read [blogs] 0
SELECT coalesce(nullif(title, ''), 'none'), greatest(views, 1), least(views, 2) FROM "t1".blogs ORDER BY id
;;
-- booleans
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE published IS TRUE AND NOT (views IS NULL) ORDER BY id
;;
-- aliases that shadow
-- Read [blogs] 0
SELECT authors.id FROM "t1".blogs AS authors ORDER BY authors.id
;;
-- union in cte
-- Read [authors blogs] 0
WITH x AS (SELECT id FROM "t1".blogs UNION SELECT id FROM "t1".authors) SELECT count(*) FROM x
;;
-- subquery in returning
-- Write [authors blogs] 0
UPDATE "t1".blogs SET views = 1 WHERE id = 1 RETURNING (SELECT name FROM "t1".authors WHERE id = author_id)
;;
-- subquery in set
-- Write [blogs comments] 0
UPDATE "t1".blogs SET views = (SELECT count(*) FROM "t1".comments WHERE blog_id = blogs.id) WHERE id = 1 RETURNING views
;;
-- subquery in values
-- Write [blogs comments] 0
INSERT INTO "t1".comments (blog_id, body) VALUES ((SELECT max(id) FROM "t1".blogs), 'x') RETURNING blog_id
;;
-- subquery in order
-- Read [blogs comments] 0
SELECT b.id FROM "t1".blogs b ORDER BY (SELECT count(*) FROM "t1".comments c WHERE c.blog_id = b.id) DESC, b.id
;;
-- subquery in limit
-- Read [authors blogs] 0
SELECT id FROM "t1".blogs ORDER BY id LIMIT (SELECT count(*) FROM "t1".authors)
;;
-- subquery in join
-- Read [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = (SELECT min(id) FROM "t1".authors WHERE id = b.author_id) ORDER BY 1
;;
-- subquery in filter
-- Read [authors blogs] 0
SELECT count(*) FILTER (WHERE author_id IN (SELECT id FROM "t1".authors)) FROM "t1".blogs
;;
-- subquery in window
-- Read [authors blogs] 0
SELECT id, count(*) OVER (PARTITION BY (SELECT name FROM "t1".authors WHERE id = author_id)) FROM "t1".blogs ORDER BY 1
;;
-- subquery in function in from
-- Read [blogs] 0
SELECT n FROM generate_series(1, (SELECT count(*)::int FROM "t1".blogs)) AS n ORDER BY 1
;;
-- no table
-- Read [] 0
SELECT 1 + 1 AS two, now() IS NOT NULL, current_date IS NULL
;;
-- system columns of a set
-- Read [blogs] 0
SELECT count(*), bool_and(published), array_agg(id ORDER BY id) FROM "t1".blogs
;;
-- raw: frame exclude
-- Read [blogs] 0
SELECT id, sum(views) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM "t1".blogs ORDER BY id
;;
-- raw: for no key update
-- Write [blogs] 0
SELECT id FROM "t1".blogs ORDER BY id FOR NO KEY UPDATE
;;
-- raw: for key share
-- Write [blogs] 0
SELECT id FROM "t1".blogs ORDER BY id FOR KEY SHARE
;;
-- raw: for update of two
-- Write [authors blogs] 0
SELECT a.id, b.id FROM "t1".authors a JOIN "t1".blogs b ON b.author_id = a.id ORDER BY 1, 2 FOR UPDATE OF a, b
;;
-- raw: overriding
-- Write [authors] 0
INSERT INTO "t1".authors (id, name) OVERRIDING SYSTEM VALUE VALUES (77, 'x') RETURNING id
;;
-- raw: set element
-- Write [blogs] 0
UPDATE "t1".blogs SET tags[1] = 'z' WHERE id = 1 RETURNING tags
;;
-- raw: search
-- Read [comments] 0
WITH RECURSIVE t(id, parent_id) AS (SELECT id, parent_id FROM "t1".comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM "t1".comments c JOIN t ON c.parent_id = t.id) SEARCH DEPTH FIRST BY id, parent_id SET o SELECT id FROM t ORDER BY o
;;
-- raw: cycle
-- Read [comments] 0
WITH RECURSIVE t AS (SELECT id, parent_id FROM "t1".comments UNION ALL SELECT c.id, c.parent_id FROM "t1".comments c JOIN t ON c.parent_id = t.id) CYCLE id SET looped USING way, u(n) AS (SELECT count(*) FROM t) SELECT n FROM u
;;
-- raw: rows from
-- Read [] 0
SELECT r.a, r.b FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['x', 'y'])) AS r(a, b) ORDER BY 1
;;
-- raw: between symmetric
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE views BETWEEN SYMMETRIC 100 AND 1 ORDER BY id
;;
-- raw: variadic
-- Read [blogs] 0
SELECT concat_ws('-', VARIADIC tags) FROM "t1".blogs ORDER BY id
;;
-- raw: only
-- Read [blogs] 0
SELECT id FROM ONLY "t1".blogs ORDER BY id
;;
-- raw: xmlelement
-- Read [blogs] 0
SELECT xmlelement(name blog, xmlattributes(id AS id), title) FROM "t1".blogs ORDER BY id
;;
-- raw: group by distinct
-- Read [blogs] 0
SELECT author_id, published, count(*) FROM "t1".blogs GROUP BY DISTINCT ROLLUP (author_id), ROLLUP (author_id, published) ORDER BY 1, 2, 3
;;
-- raw: conflict on expression
-- Write [authors] 0
INSERT INTO "t1".authors (name) VALUES ('Ann') ON CONFLICT (lower(name)) DO UPDATE SET name = excluded.name RETURNING name
;;
-- raw: delete using query
-- Write [authors blogs comments] 0
DELETE FROM "t1".comments c USING (SELECT id FROM "t1".blogs) b, "t1".authors a WHERE b.id = c.blog_id AND a.id = 1 RETURNING c.id
;;
-- raw: merge
-- Write [blogs ratings] 0
MERGE INTO "t1".ratings r USING "t1".blogs b ON r.id = b.id WHEN MATCHED THEN UPDATE SET rating = 1, id = r.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, 0)
;;
-- raw: tenant function
-- Write [blogs] 0
SELECT "t1".shout(title) FROM "t1".blogs ORDER BY 1
;;
-- raw: extensions
-- Read [blogs] 0
SELECT title FROM "t1".blogs WHERE title OPERATOR(extensions.%) 'Alpha' AND extensions.similarity(title, 'Alpha') > 0 AND title::extensions.citext OPERATOR(extensions.=) 'alpha' ORDER BY 1
;;
-- raw: expressions with from
-- Read [blogs] 0
SELECT extract(year FROM created_at), substring(title FROM 1 FOR 2), title IS DISTINCT FROM 'x', 2 * count(*) OVER () FROM "t1".blogs, shared.plans ORDER BY 1, 2
;;
-- function beside a table of another query
-- Read [blogs] 0
SELECT n.x, (SELECT b.title FROM "t1".blogs b WHERE b.id = n.x) FROM unnest(ARRAY[1]) AS n(x)
;;
-- alias twice with its column named
-- Read [blogs] 0
SELECT n.id, (SELECT n.id FROM "t1".blogs n LIMIT 1) FROM unnest(ARRAY[1]) AS n(id)
;;
-- join with an alias
-- Read [authors] 0
SELECT j.name FROM ("t1".authors a CROSS JOIN (SELECT 1 AS one) AS o) AS j ORDER BY 1
;;
-- configurations
-- Read [blogs] 0
SELECT to_tsvector('pg_catalog.english', title), to_tsquery(('simple'), 'x'), to_tsvector(title), ts_headline(title, 'a'::tsquery, 'MaxWords=9, MinWords=1'), jsonb_to_tsvector(data, '["all"]') FROM "t1".blogs ORDER BY id
;;
-- configurations of parameters
-- Read [] 1
SELECT to_tsvector('simple', $1), ts_headline('simple', $1, plainto_tsquery('simple', 'x'))
;;
-- strings beside each other
-- Read [] 0
SELECT 'a' || 'b', 'c'
, 'd'
;;
-- and operator before a name
-- Write [] 0
SELECT 1 & "t1".one()
;;
-- raw: columns by table, alias and cte
-- Read [authors blogs] 0
WITH c AS (SELECT 1 AS id) SELECT blogs.id, b.title, c.id, s.n, v.x FROM "t1".blogs, "t1".authors AS a, c, "t1".blogs b, (SELECT 1 AS n) s, (VALUES (1)) AS v(x) ORDER BY blogs.id, b.id, a.id
;;
-- raw: casts
-- Read [blogs] 0
SELECT id::text, CAST(views AS double precision), '1'::numeric(10, 2), '{1}'::int[], 'x'::pg_catalog.text, inet '10.0.0.1', timestamp with time zone '2020-01-01 00:00+00', 'a'::extensions.citext FROM "t1".blogs ORDER BY id
;;
-- raw: columns with types
-- Read [] 0
SELECT r.a, r.b FROM jsonb_to_recordset('[]'::jsonb) AS r(a numeric(10, 2), b text)
;;
-- raw: configurations
-- Read [blogs] 0
SELECT to_tsvector('english', body), ts_headline('simple', body, plainto_tsquery('english', 'x')), ts_headline(body, 'a'::tsquery, 'MaxWords=9, MinWords=1'), to_tsvector(body) FROM "t1".blogs ORDER BY id
;;
-- raw: insert with alias
-- Write [blogs ratings] 0
INSERT INTO "t1".ratings AS r (id, rating) SELECT b.id, 1 FROM "t1".blogs b WHERE true ON CONFLICT (id) DO UPDATE SET rating = r.rating + excluded.rating, id = r.id RETURNING r.rating
;;
-- raw: with of one side
-- Read [] 0
SELECT q.x FROM (WITH c AS (SELECT 1 AS x) SELECT c.x FROM c) q UNION SELECT c.x FROM (SELECT 2 AS x) c
;;
-- raw: search and cycle
-- Read [comments] 0
WITH RECURSIVE t(id, parent_id) AS (SELECT id, parent_id FROM "t1".comments WHERE parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM "t1".comments c JOIN t ON c.parent_id = t.id) SEARCH BREADTH FIRST BY id SET o CYCLE id, parent_id SET looped TO 'y' DEFAULT 'n' USING way SELECT t.id FROM t ORDER BY t.o
;;
-- raw: ordinality
-- Read [blogs] 0
SELECT b.id, t.tag, t.n FROM "t1".blogs b, unnest(b.tags) WITH ORDINALITY AS t(tag, n) ORDER BY 1, 3
;;
-- raw: names behind a dot
-- Read [] 0
SELECT b."from", b.merge FROM (SELECT 1 AS "from", 2 AS "merge") AS b
;;
-- raw: update from
-- Write [authors blogs comments] 0
UPDATE "t1".comments c SET body = b.title, blog_id = b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id WHERE b.id = c.blog_id RETURNING c.id
;;
-- raw: delete with an alias
-- Write [blogs comments] 0
DELETE FROM "t1".comments AS c USING "t1".blogs b WHERE b.id = c.blog_id RETURNING c.id, b.id
;;
-- raw: aggregate in a group
-- Read [blogs] 0
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b.views) FROM "t1".blogs b GROUP BY b.author_id ORDER BY 1
;;
-- column of a function by its alias
-- Read [] 0
SELECT n.n, e.value, b.tag FROM generate_series(1, 2) AS n, jsonb_array_elements_text('[1]'::jsonb) AS e, pg_catalog.unnest(ARRAY['a']) AS b(tag), unnest(ARRAY['a']) t WHERE t.t = 'a' ORDER BY 1
;;
-- raw: column of a function by its alias
-- Read [] 0
SELECT n.n, e.value FROM pg_catalog.generate_series(1, 2) AS n, jsonb_array_elements_text('[1]'::jsonb) AS e ORDER BY 1
;;
-- shared: table of public
-- Read [public.users] 1
SELECT u.id, u.email FROM public.users u WHERE u.id = $1
;;
-- shared: table of public by its name
-- Read [public.users] 0
SELECT users.id FROM public.users ORDER BY users.id
;;
-- shared: join of public and shared
-- Read [public.users shared.plans] 0
SELECT u.id, p.name FROM public.users AS u JOIN shared.plans AS p ON p.id = u.plan_id ORDER BY 1
;;
-- shared: quoted schema
-- Read [public.Order] 0
SELECT "Total" FROM "public"."Order" ORDER BY 1
;;
-- shared: tenants and domains are read
-- Read [tenancy.domains tenancy.tenants] 0
SELECT t.slug, d.host FROM tenancy.tenants t LEFT JOIN tenancy.domains d ON d.tenant_id = t.id ORDER BY 1
;;
-- shared: cte
-- Read [public.users] 0
WITH recent AS (SELECT id FROM public.users WHERE id > 1) SELECT count(*) FROM recent
;;
-- shared: recursive cte
-- Read [shared.plans] 0
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n, shared.plans p WHERE p.id = n.i
;;
-- shared: insert
-- Write [public.users] 1
INSERT INTO public.users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING users.id
;;
-- shared: insert into shared
-- Write [public.users shared.plans] 0
INSERT INTO shared.plans AS p (name) SELECT u.email FROM public.users u RETURNING p.id
;;
-- shared: update
-- Write [public.users shared.plans] 0
UPDATE shared.plans p SET price = 2 FROM public.users u WHERE u.plan_id = p.id RETURNING p.id
;;
-- shared: delete
-- Write [public.users shared.plans] 0
DELETE FROM public.users u USING shared.plans p WHERE p.id = u.plan_id AND p.name = 'gone' RETURNING u.id
;;
-- shared: merge
-- Write [public.users shared.plans] 0
MERGE INTO public.users u USING shared.plans p ON u.plan_id = p.id WHEN MATCHED THEN UPDATE SET plan_id = p.id WHEN NOT MATCHED THEN INSERT (email) VALUES (p.name)
;;
-- shared: lock
-- Write [public.users] 0
SELECT id FROM public.users WHERE id = 1 FOR UPDATE
;;
-- shared: function of public
-- Write [public.users] 0
SELECT public.shout(u.email) FROM public.users u ORDER BY 1
;;
-- shared: table function of shared
-- Write [] 0
SELECT f.n FROM shared.numbers() AS f(n) ORDER BY 1
;;
-- shared: extension
-- Read [public.users] 0
SELECT u.id FROM public.users u WHERE u.email OPERATOR(extensions.%) 'ann' AND extensions.similarity(u.email, 'ann') > 0
;;
-- shared: subqueries
-- Read [public.users shared.plans] 0
SELECT (SELECT max(p.id) FROM shared.plans p), EXISTS (SELECT 1 FROM public.users u WHERE u.id = 1)
;;
-- raw shared: for no key update
-- Write [public.users] 0
SELECT u.id FROM public.users u ORDER BY 1 FOR NO KEY UPDATE
;;
-- raw shared: conflict on expression
-- Write [public.users] 0
INSERT INTO public.users (email) VALUES ('x') ON CONFLICT (lower(email)) DO NOTHING
;;
-- raw shared: only
-- Read [tenancy.tenants] 0
SELECT t.slug FROM ONLY tenancy.tenants t ORDER BY 1
;;
-- running total over a range frame
-- Read [blogs] 0
SELECT id, sum(views) OVER (ORDER BY created_at RANGE BETWEEN interval '30 days' PRECEDING AND CURRENT ROW) FROM "t1".blogs ORDER BY id
;;
-- frame between following
-- Read [blogs] 0
SELECT id, array_agg(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) FROM "t1".blogs ORDER BY id
;;
-- groups frame
-- Read [blogs] 0
SELECT id, count(*) OVER (ORDER BY author_id GROUPS 1 PRECEDING) FROM "t1".blogs ORDER BY id
;;
-- first and nth value
-- Read [blogs] 0
SELECT id, first_value(title) OVER w, nth_value(title, 2) OVER w, ntile(2) OVER w FROM "t1".blogs WINDOW w AS (PARTITION BY author_id ORDER BY id) ORDER BY id
;;
-- window with filter
-- Read [blogs] 0
SELECT id, count(*) FILTER (WHERE published) OVER (PARTITION BY author_id) FROM "t1".blogs ORDER BY id
;;
-- top of each group
-- Read [blogs] 0
SELECT t.id, t.title FROM (SELECT id, title, row_number() OVER (PARTITION BY author_id ORDER BY views DESC) AS n FROM "t1".blogs) AS t WHERE t.n = 1 ORDER BY t.id
;;
-- grouping sets with rollup
-- Read [blogs] 0
SELECT author_id, published, count(*), grouping(author_id, published) FROM "t1".blogs GROUP BY GROUPING SETS (ROLLUP (author_id), (published)) ORDER BY 1, 2, 3, 4
;;
-- group by expression
-- Read [blogs] 0
SELECT date_trunc('month', created_at AT TIME ZONE 'UTC') AS month, count(*) FROM "t1".blogs GROUP BY 1 ORDER BY 1
;;
-- mode and percentiles
-- Read [blogs] 0
SELECT mode() WITHIN GROUP (ORDER BY author_id), percentile_disc(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY views) FROM "t1".blogs
;;
-- hypothetical rank
-- Read [blogs] 0
SELECT rank(10) WITHIN GROUP (ORDER BY views) FROM "t1".blogs
;;
-- array aggregate with filter
-- Read [blogs] 0
SELECT author_id, array_agg(title ORDER BY title) FILTER (WHERE published IS NOT FALSE) FROM "t1".blogs GROUP BY author_id ORDER BY author_id
;;
-- json object aggregate
-- Read [blogs] 0
SELECT jsonb_object_agg(id, title ORDER BY id) FROM "t1".blogs
;;
-- json path with variables
-- Read [blogs] 1
SELECT id FROM "t1".blogs WHERE jsonb_path_exists(data, '$.tags[*] ? (@ == $t)', jsonb_build_object('t', $1::text)) ORDER BY id
;;
-- json path operators
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE data @? '$.n.deep[*] ? (@ > 1)' OR data @@ '$.lang == "de"' ORDER BY id
;;
-- json deep access
-- Read [blogs] 0
SELECT id, data -> 'n' -> 'deep' ->> 0, data #> '{n,deep}', (data ->> 'lang')::text FROM "t1".blogs ORDER BY id
;;
-- json keys any and all
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE data ?| ARRAY['lang', 'x'] AND data ?& ARRAY['tags'] ORDER BY id
;;
-- json subscripts
-- Read [blogs] 0
SELECT data['n']['deep'][1], b.data['tags'] FROM "t1".blogs b ORDER BY b.id
;;
-- json set and remove
-- Write [blogs] 0
UPDATE "t1".blogs SET data = (data || '{"seen": true}'::jsonb) - 'lang' #- '{n,deep,0}' WHERE id = 1 RETURNING data
;;
-- json elements joined
-- Read [blogs] 0
SELECT b.id, t.value, t.ordinality FROM "t1".blogs b CROSS JOIN LATERAL jsonb_array_elements_text(b.data -> 'tags') WITH ORDINALITY AS t(value, ordinality) ORDER BY 1, 3
;;
-- jsonb to record
-- Read [blogs] 0
SELECT r.lang, r.tags FROM "t1".blogs b, jsonb_to_record(b.data) AS r(lang text, tags jsonb) ORDER BY b.id
;;
-- insert from json
-- Write [comments] 1
INSERT INTO "t1".comments (blog_id, body) SELECT r.blog, r.text FROM jsonb_to_recordset($1::jsonb) AS r(blog int, text text) RETURNING blog_id, body
;;
-- lateral of two
-- Read [authors blogs comments] 0
SELECT a.name, x.title, y.n FROM "t1".authors a LEFT JOIN LATERAL (SELECT b.id, b.title FROM "t1".blogs b WHERE b.author_id = a.id ORDER BY b.views DESC LIMIT 1) x ON true LEFT JOIN LATERAL (SELECT count(*) AS n FROM "t1".comments c WHERE c.blog_id = x.id) y ON true ORDER BY 1
;;
-- lateral values
-- Read [blogs] 0
SELECT b.id, v.k, v.v FROM "t1".blogs b CROSS JOIN LATERAL (VALUES ('title', b.title), ('body', b.body)) AS v(k, v) ORDER BY 1, 2
;;
-- upsert with where
-- Write [ratings] 2
INSERT INTO "t1".ratings (id, rating) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET rating = greatest(ratings.rating, excluded.rating) WHERE ratings.rating IS DISTINCT FROM excluded.rating RETURNING rating
;;
-- upsert many
-- Write [ratings] 2
INSERT INTO "t1".ratings (id, rating) SELECT u.id, u.r FROM unnest($1::int[], $2::bigint[]) AS u(id, r) ON CONFLICT (id) DO UPDATE SET rating = excluded.rating
;;
-- upsert tuple
-- Write [ratings] 0
INSERT INTO "t1".ratings (id, rating) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET (id, rating) = (SELECT excluded.id, excluded.rating + 1) RETURNING rating
;;
-- merge with cte and three branches
-- Write [blogs ratings] 0
WITH s AS (SELECT author_id AS id, sum(views) AS n FROM "t1".blogs WHERE author_id IS NOT NULL GROUP BY author_id) MERGE INTO "t1".ratings AS r USING s ON s.id = r.id WHEN MATCHED AND s.n > 100 THEN UPDATE SET rating = s.n WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND s.n > 0 THEN INSERT (id, rating) VALUES (s.id, s.n)
;;
-- merge values
-- Write [ratings] 0
MERGE INTO "t1".ratings r USING (VALUES (1, 5), (70, 7)) AS v(id, n) ON r.id = v.id WHEN MATCHED THEN UPDATE SET rating = v.n WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (v.id, v.n)
;;
-- merge default
-- Write [blogs ratings] 0
MERGE INTO "t1".ratings r USING "t1".blogs b ON r.id = b.id WHEN NOT MATCHED THEN INSERT (id, rating) VALUES (b.id, DEFAULT)
;;
-- recursive path
-- Read [comments] 0
WITH RECURSIVE tree AS (SELECT id, ARRAY[id] AS path, body FROM "t1".comments WHERE parent_id IS NULL UNION ALL SELECT c.id, t.path || c.id, c.body FROM tree t JOIN "t1".comments c ON c.parent_id = t.id WHERE NOT c.id = ANY (t.path)) SELECT path, repeat('  ', cardinality(path) - 1) || body FROM tree ORDER BY path
;;
-- recursive dates
-- Read [blogs] 0
WITH RECURSIVE days(d) AS (SELECT date '2020-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < date '2020-01-04') SELECT d, (SELECT count(*) FROM "t1".blogs WHERE (created_at AT TIME ZONE 'UTC')::date = d) FROM days ORDER BY d
;;
-- array functions
-- Read [blogs] 0
SELECT array_append(tags, 'z'), array_remove(tags, 'a'), array_position(tags, 'b'), array_to_string(tags, '+'), tags || ARRAY['c'], cardinality(tags), tags <@ ARRAY['a', 'b', 'c'] FROM "t1".blogs ORDER BY id
;;
-- array of arrays
-- Read [blogs] 0
SELECT ARRAY[[1, 2], [3, 4]], (ARRAY[[1, 2], [3, 4]])[2][1], ARRAY[]::text[] FROM "t1".blogs WHERE id = 1
;;
-- array in values
-- Write [blogs] 2
INSERT INTO "t1".blogs (title, tags) VALUES ($1, ARRAY['x', $2]) RETURNING tags
;;
-- not any of array
-- Read [blogs] 1
SELECT id FROM "t1".blogs WHERE id <> ALL ($1) AND title LIKE ANY (ARRAY['A%', 'B%']) ORDER BY id
;;
-- unnest two
-- Read [] 0
SELECT u.a, u.b FROM unnest(ARRAY[1, 2], ARRAY['x', 'y', 'z']) AS u(a, b)
;;
-- unnest with ordinality joined
-- Read [blogs] 1
SELECT b.id FROM unnest($1::int[]) WITH ORDINALITY AS o(id, n) JOIN "t1".blogs b ON b.id = o.id ORDER BY o.n
;;
-- full text rank
-- Read [blogs] 1
SELECT id, ts_rank_cd(setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', coalesce(body, '')), 'B'), q) FROM "t1".blogs, plainto_tsquery('english', $1) AS q ORDER BY 2 DESC, 1
;;
-- full text phrase
-- Read [blogs] 0
SELECT id, ts_headline('english', body, q.q, 'StartSel=<, StopSel=>') FROM "t1".blogs, phraseto_tsquery('english', 'quick brown') AS q(q) WHERE to_tsvector('english', body) @@ q.q
;;
-- skip locked queue
-- Write [comments] 0
WITH next AS (SELECT id FROM "t1".comments WHERE parent_id IS NULL ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED) UPDATE "t1".comments c SET body = 'taken' FROM next n WHERE n.id = c.id RETURNING c.id
;;
-- delete with limit
-- Write [comments] 0
DELETE FROM "t1".comments WHERE id IN (SELECT id FROM "t1".comments ORDER BY id DESC LIMIT 2) RETURNING id
;;
-- two locks
-- Write [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id ORDER BY 1 FOR UPDATE OF b NOWAIT FOR SHARE OF a
;;
-- date arithmetic
-- Read [blogs] 0
SELECT created_at + interval '1 day' * 2, age(timestamptz '2020-02-01 00:00+00', timestamptz '2020-01-01 00:00+00'), extract(epoch FROM interval '1 hour'), created_at::date - date '2020-01-01', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM "t1".blogs ORDER BY id
;;
-- overlapping periods
-- Read [] 0
SELECT (date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', interval '1 month')
;;
-- range operators
-- Read [blogs] 1
SELECT id, lower(during), upper(during), upper_inf(during), during && tstzrange($1, NULL, '[)') FROM "t1".blogs WHERE during @> timestamptz '2020-01-03 12:00+00' OR during << tstzrange('2030-01-01', NULL) ORDER BY id
;;
-- range aggregate
-- Read [blogs] 0
SELECT range_agg(during)::text FROM "t1".blogs
;;
-- values with a cast
-- Read [blogs] 1
SELECT v.id, b.title FROM (VALUES ($1::int), (2)) AS v(id) LEFT JOIN "t1".blogs b USING (id) ORDER BY 1
;;
-- values in where
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE (id, author_id) IN (VALUES (1, 1), (3, 2)) ORDER BY id
;;
-- row in list
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE (author_id, published) IN ((1, true), (2, true)) ORDER BY id
;;
-- keyset page
-- Read [blogs] 2
SELECT id, title FROM "t1".blogs WHERE ($1::int IS NULL OR (created_at, id) < (SELECT created_at, id FROM "t1".blogs WHERE id = $1)) ORDER BY created_at DESC, id DESC LIMIT $2
;;
-- update from values
-- Write [blogs] 0
UPDATE "t1".blogs AS b SET views = v.n FROM (VALUES (1, 11), (2, 22)) AS v(id, n) WHERE v.id = b.id RETURNING b.id, b.views
;;
-- update by row
-- Write [authors] 0
UPDATE "t1".authors SET (name, email) = ROW('Zed', NULL) WHERE id = 3 RETURNING name, email
;;
-- update two by parentheses
-- Write [authors] 0
UPDATE "t1".authors SET (name, email) = ('Zed', DEFAULT) WHERE id = 3 RETURNING name, email
;;
-- delete using join
-- Write [authors blogs comments] 0
DELETE FROM "t1".comments c USING "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id WHERE b.id = c.blog_id AND a.name LIKE 'A%' RETURNING c.id
;;
-- delete by cte
-- Write [blogs comments] 1
WITH old AS (SELECT id FROM "t1".blogs WHERE created_at < $1) DELETE FROM "t1".comments USING old WHERE comments.blog_id = old.id RETURNING comments.id
;;
-- two writing ctes
-- Write [authors blogs] 0
WITH a AS (INSERT INTO "t1".authors (name) VALUES ('New') RETURNING id, name), b AS (INSERT INTO "t1".blogs (title, author_id) SELECT 'by ' || a.name, a.id FROM a RETURNING title) SELECT title FROM b
;;
-- insert if absent
-- Write [authors] 0
INSERT INTO "t1".authors (name) SELECT 'Dee' WHERE NOT EXISTS (SELECT 1 FROM "t1".authors WHERE name = 'Dee') RETURNING name
;;
-- insert of union
-- Write [blogs comments] 0
INSERT INTO "t1".comments (blog_id, body) SELECT id, 'x' FROM "t1".blogs WHERE id = 1 UNION ALL SELECT id, 'y' FROM "t1".blogs WHERE id = 2 RETURNING body
;;
-- series of days
-- Read [blogs] 0
SELECT d::date, count(b.id) FROM generate_series(timestamp '2020-01-01', timestamp '2020-01-03', interval '1 day') AS d LEFT JOIN "t1".blogs b ON (b.created_at AT TIME ZONE 'UTC')::date = d::date GROUP BY d ORDER BY d
;;
-- series of numbers
-- Read [] 0
SELECT n, n % 2 = 0 AS even FROM generate_series(1, 5, 2) AS s(n)
;;
-- trigram operator
-- Read [blogs] 1
SELECT title FROM "t1".blogs WHERE title OPERATOR(extensions.%) $1 ORDER BY title OPERATOR(extensions.<->) $1, id
;;
-- unaccent
-- Read [blogs] 0
SELECT extensions.unaccent('extensions.unaccent', 'Hôtel'), extensions.unaccent(title) FROM "t1".blogs ORDER BY id
;;
-- citext compared
-- Read [blogs] 1
SELECT id FROM "t1".blogs WHERE lower(title) = lower($1) ORDER BY id
;;
-- case in order
-- Read [blogs] 0
SELECT id FROM "t1".blogs ORDER BY CASE WHEN published THEN 0 WHEN published IS NULL THEN 2 ELSE 1 END, id DESC
;;
-- case in aggregate
-- Read [blogs] 0
SELECT sum(CASE WHEN published THEN views ELSE 0 END), count(DISTINCT author_id), max(views) - min(views) FROM "t1".blogs
;;
-- collation in comparison
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE title COLLATE "C" > 'B' ORDER BY title COLLATE pg_catalog."C" DESC
;;
-- fetch with ties
-- Read [blogs] 0
SELECT id, author_id FROM "t1".blogs WHERE author_id IS NOT NULL ORDER BY author_id FETCH FIRST 1 ROW WITH TIES
;;
-- offset and fetch
-- Read [blogs] 0
SELECT id FROM "t1".blogs ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY
;;
-- offset before limit
-- Read [blogs] 2
SELECT id FROM "t1".blogs ORDER BY id OFFSET $1 LIMIT $2
;;
-- limit all
-- Read [blogs] 0
SELECT id FROM "t1".blogs ORDER BY id LIMIT ALL
;;
-- tablesample with alias
-- Read [blogs] 0
SELECT b.id FROM "t1".blogs AS b TABLESAMPLE SYSTEM (100) REPEATABLE (7) ORDER BY 1
;;
-- distinct from null
-- Read [blogs] 0
SELECT count(*) FROM "t1".blogs a JOIN "t1".blogs b ON a.author_id IS NOT DISTINCT FROM b.author_id
;;
-- any with operator
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE views > ANY (SELECT max(views) / 2 FROM "t1".blogs) ORDER BY id
;;
-- some
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE id = SOME (ARRAY[1, 2]) ORDER BY id
;;
-- nested case and coalesce
-- Read [blogs comments] 0
SELECT coalesce((SELECT min(c.body) FROM "t1".comments c WHERE c.blog_id = b.id), CASE WHEN b.body IS NULL THEN 'none' ELSE left(b.body, 3) END) FROM "t1".blogs b ORDER BY b.id
;;
-- string functions
-- Read [blogs] 0
SELECT format('%s-%s', id, title), split_part(title, 'e', 1), regexp_replace(title, '[aeiou]', '', 'g'), starts_with(title, 'B'), lpad(id::text, 3, '0'), concat_ws(',', id, title), md5(title), encode(sha256(title::bytea), 'hex') FROM "t1".blogs ORDER BY id
;;
-- regexp matches
-- Read [blogs] 0
SELECT b.id, m.m[1] FROM "t1".blogs b CROSS JOIN LATERAL regexp_matches(b.title, '([A-Z])', 'g') AS m(m) ORDER BY 1
;;
-- numbers
-- Read [blogs] 0
SELECT round(price, 1), trunc(price), price::int, 5 / 2.0, 7 % 3, 2 ^ 3, abs(-1), 1e3, .5, width_bucket(views, 0, 100, 4) FROM "t1".blogs ORDER BY id
;;
-- bits and booleans
-- Read [blogs] 0
SELECT 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 2, bool_or(published), every(views > 0) FROM "t1".blogs
;;
-- intersect all
-- Read [authors blogs] 0
SELECT author_id FROM "t1".blogs INTERSECT ALL SELECT id FROM "t1".authors ORDER BY 1
;;
-- except all with order
-- Read [authors blogs] 0
(SELECT author_id FROM "t1".blogs) EXCEPT ALL (SELECT id FROM "t1".authors) ORDER BY 1 NULLS FIRST LIMIT 3
;;
-- join of three by using
-- Read [blogs counters ratings] 0
SELECT b.id, r.rating, c.n FROM "t1".blogs b JOIN "t1".ratings r USING (id) LEFT JOIN "t1".counters c USING (id) ORDER BY b.id
;;
-- cross join of shared
-- Read [authors] 0
SELECT a.name, p.name FROM "t1".authors AS a CROSS JOIN shared.plans AS p WHERE p.price < 15 ORDER BY 1, 2
;;
-- not materialized lookups
-- Read [blogs] 0
WITH big AS NOT MATERIALIZED (SELECT id, views FROM "t1".blogs) SELECT a.id FROM big a JOIN big b ON b.views > a.views GROUP BY a.id ORDER BY a.id
;;
-- count distinct on rows
-- Read [blogs] 0
SELECT count(DISTINCT (author_id, published)) FROM "t1".blogs
;;
-- is true and unknown
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE published IS NOT TRUE AND (views > 5) IS NOT UNKNOWN ORDER BY id
;;
-- similar with escape
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE title NOT SIMILAR TO '%(a|b)%' OR title LIKE 'x!%' ESCAPE '!' ORDER BY id
;;
-- aliases with keywords
-- Read [blogs] 0
SELECT b.id AS "order", b.title AS value, b.views AS type, b.body AS name FROM "t1".blogs b ORDER BY "order"
;;
-- quoted everything
-- Read [blogs] 1
SELECT "b"."id" FROM "t1"."blogs" AS "b" WHERE "b"."title" = $1
;;
-- exists twice
-- Read [blogs] 0
SELECT EXISTS (SELECT 1 FROM "t1".blogs) AND NOT EXISTS (SELECT 1 FROM "t1".blogs WHERE id < 0) AS ok
;;
-- current values
-- Read [] 0
SELECT current_date = now()::date, localtimestamp IS NOT NULL, clock_timestamp() >= statement_timestamp()
;;
-- insert returning expressions
-- Write [counters] 1
INSERT INTO "t1".counters (n) VALUES ($1) RETURNING n * 2 AS double, n::text || '!' AS loud
;;
-- update returning old and joined
-- Write [blogs] 1
UPDATE "t1".blogs b SET views = b.views + 1 FROM "t1".blogs old WHERE old.id = b.id AND b.id = $1 RETURNING old.views AS before, b.views AS after
;;
-- tenant function in where
-- Write [blogs] 0
SELECT id FROM "t1".blogs WHERE "t1".shout(title) = 't1 ALPHA'
;;
-- cast of a row of parameters
-- Read [blogs] 2
SELECT b.id FROM "t1".blogs b WHERE (b.id, b.title) = ($1::int, $2::text)
;;
-- array slices
-- Read [blogs] 0
SELECT tags[:1], tags[2:], (tags)[1] FROM "t1".blogs ORDER BY id
;;
-- json build in update
-- Write [authors blogs] 0
UPDATE "t1".blogs SET data = jsonb_build_object('by', (SELECT name FROM "t1".authors a WHERE a.id = blogs.author_id), 'n', jsonb_array_length(coalesce(data -> 'tags', '[]'::jsonb))) WHERE id IN (1, 2) RETURNING data
;;
-- group by primary key
-- Read [blogs comments] 0
SELECT b.id, b.title, count(c.id) FROM "t1".blogs b LEFT JOIN "t1".comments c ON c.blog_id = b.id GROUP BY b.id ORDER BY b.id
;;
-- having without group
-- Read [blogs] 0
SELECT count(*) FROM "t1".blogs HAVING count(*) > 1
;;
-- interval forms
-- Read [blogs] 0
SELECT interval '1 year 2 months', '3 days'::interval, interval '90' minute, make_interval(hours => 2) FROM "t1".blogs WHERE id = 1
;;
-- at local zones
-- Read [blogs] 1
SELECT timezone('Europe/Berlin', created_at), created_at AT TIME ZONE $1 FROM "t1".blogs ORDER BY id
;;
-- normalized text
-- Read [] 0
SELECT normalize('é', NFC) = 'é', 'é' IS NORMALIZED, 'a' IS NFC NORMALIZED
;;
-- system versions of trim
-- Read [] 0
SELECT trim(LEADING 'x' FROM 'xxa'), trim('  b '), trim(TRAILING ' ' FROM 'c '), ltrim('xxd', 'x'), position('b' IN 'abc'), substring('abc' FROM '[bc]')
;;
-- raw: join using with an alias
-- Read [blogs ratings] 0
SELECT j.id, b.title FROM "t1".blogs b JOIN "t1".ratings r USING (id) AS j ORDER BY 1
;;
-- raw: commas after on
-- Read [blogs ratings] 0
SELECT b.id, greatest(b.views, 1, 2) FROM "t1".blogs b JOIN "t1".ratings r ON r.id IN (b.id, 99) AND b.views > least(1, 2) ORDER BY 1
;;
-- raw: rows after on
-- Read [authors blogs counters] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON (a.id, 1) = (b.author_id, 1), "t1".counters c ORDER BY 1
;;
-- raw: array after on
-- Read [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = ANY (ARRAY[b.author_id, 5]) ORDER BY 1
;;
-- raw: upsert on a lower email
-- Write [authors] 2
INSERT INTO "t1".authors (name, email) VALUES ($1, $2) ON CONFLICT (lower(name)) DO UPDATE SET email = excluded.email RETURNING email
;;
-- raw: frame exclude ties
-- Read [blogs] 0
SELECT id, sum(views) OVER (ORDER BY author_id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM "t1".blogs ORDER BY id
;;
-- raw: lock of two
-- Write [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON a.id = b.author_id ORDER BY 1 FOR NO KEY UPDATE OF b, a SKIP LOCKED
;;
-- raw: rows from with ordinality
-- Read [] 0
SELECT r.a, r.b, r.n FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['x', 'y'])) WITH ORDINALITY AS r(a, b, n) ORDER BY 3
;;
-- raw: insert overriding user
-- Write [authors] 0
INSERT INTO "t1".authors (id, name) OVERRIDING USER VALUE VALUES (5, 'Over') RETURNING name
;;
-- raw: update of an element
-- Write [blogs] 1
UPDATE "t1".blogs SET tags[2] = $1, data['lang'] = '"fr"' WHERE id = 1 RETURNING tags, data
;;
-- raw: between symmetric
-- Read [blogs] 0
SELECT id FROM "t1".blogs WHERE views NOT BETWEEN SYMMETRIC 10 AND 1 ORDER BY id
;;
-- raw: xml
-- Read [blogs] 0
SELECT xmlforest(id AS id, title AS t) FROM "t1".blogs ORDER BY id
;;
-- raw: recursive search and cycle
-- Read [comments] 0
WITH RECURSIVE t(id, parent) AS (SELECT c.id, c.parent_id FROM "t1".comments c WHERE c.parent_id IS NULL UNION ALL SELECT c.id, c.parent_id FROM "t1".comments c JOIN t ON c.parent_id = t.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET looped USING way SELECT t.id, t.looped FROM t ORDER BY t.o
;;
-- raw: delete only
-- Write [comments] 0
DELETE FROM ONLY "t1".comments c WHERE c.id = 1 RETURNING c.body
;;
-- raw: group by distinct
-- Read [blogs] 0
SELECT author_id, count(*) FROM "t1".blogs GROUP BY DISTINCT ROLLUP (author_id), ROLLUP (author_id) ORDER BY 1, 2
;;
-- raw: brackets after on
-- Read [authors blogs] 0
SELECT b.id FROM "t1".blogs b JOIN "t1".authors a ON b.tags && ARRAY['a', 'b'] AND a.id = (ARRAY[[1, 2], [3, 4]])[1][1] ORDER BY 1
;;
-- raw: trailing blanks
-- Read [blogs] 0
SELECT trim(TRAILING FROM b.title) FROM "t1".blogs b ORDER BY 1
;;
-- type of the app
-- Read [blogs] 0
SELECT b.id, 'high'::shared.mood > CAST('low' AS shared.mood), ARRAY['low']::shared.mood[] FROM "t1".blogs b ORDER BY 1
;;
-- raw: type of the app
-- Read [blogs] 0
SELECT b.id, 'high'::shared.mood > CAST('low' AS shared.mood) FROM "t1".blogs b ORDER BY 1
;;
-- shared: types of the app
-- Read [public.users] 0
SELECT u.id, 'a'::public.kind FROM public.users u ORDER BY 1
;;
