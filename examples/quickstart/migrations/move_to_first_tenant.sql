-- Once, by hand: the rows that the app has are those of its first tenant, `acme`.
BEGIN;
INSERT INTO acme.notes (id, title, body, created_at) OVERRIDING SYSTEM VALUE
    SELECT id, title, body, created_at FROM public.notes;
INSERT INTO acme.changes (id, note_id, what) OVERRIDING SYSTEM VALUE
    SELECT id, note_id, what FROM public.changes;
SELECT pg_catalog.setval('acme.notes_id_seq', max(id)) FROM acme.notes;
SELECT pg_catalog.setval('acme.changes_id_seq', max(id)) FROM acme.changes;
COMMIT;
