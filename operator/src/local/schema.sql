CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What happened, in the order in which it was recorded; `at` in milliseconds since 1970, `body` as JSON.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  trial INTEGER,
  body TEXT NOT NULL
);

-- For people; nothing reads it but they.
CREATE VIEW report AS
SELECT
  trial,
  body ->> '$.attempt' AS attempt,
  body ->> '$.resource' AS resource,
  body -> '$.metrics' AS metrics,
  strftime('%Y-%m-%d %H:%M:%f', at / 1000.0, 'unixepoch') AS time
FROM event
WHERE body ->> '$.saw' = 'reported'
ORDER BY seq;

CREATE VIEW trial AS
WITH
  made AS (SELECT trial, at, body -> '$.parameters' AS parameters FROM event WHERE body ->> '$.do' = 'create'),
  begun AS (SELECT trial, count(*) AS attempts, max(at) AS at FROM event WHERE body ->> '$.do' = 'start' GROUP BY trial),
  -- With max(), SQLite takes the other columns from the row that has the maximum.
  last_report AS (
    SELECT trial, max(seq), body ->> '$.resource' AS resource, body -> '$.metrics' AS metrics
    FROM event WHERE body ->> '$.saw' = 'reported' GROUP BY trial),
  last_end AS (
    SELECT trial, max(seq), at, body ->> '$.attempt' AS attempt, body ->> '$.ending.how' AS how,
      body ->> '$.ending.message' AS message
    FROM event WHERE body ->> '$.saw' = 'ended' GROUP BY trial)
SELECT
  made.trial AS "index",
  CASE
    WHEN begun.attempts IS NULL THEN 'pending'
    WHEN last_end.attempt IS NULL OR last_end.attempt < begun.attempts THEN 'running'
    ELSE last_end.how
  END AS last_attempt,
  coalesce(begun.attempts, 0) AS attempts,
  last_report.resource,
  last_report.metrics,
  made.parameters,
  strftime('%Y-%m-%d %H:%M:%f', made.at / 1000.0, 'unixepoch') AS created,
  strftime('%Y-%m-%d %H:%M:%f', last_end.at / 1000.0, 'unixepoch') AS ended,
  last_end.message
FROM made
  LEFT JOIN begun USING (trial)
  LEFT JOIN last_report USING (trial)
  LEFT JOIN last_end USING (trial)
ORDER BY made.trial;
