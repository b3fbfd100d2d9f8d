/** The demo's schema: foreign key, indexes, trigger, full-text search. */
export const SCHEMA = `
CREATE TABLE countries (code TEXT PRIMARY KEY, places INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE places (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  country TEXT NOT NULL REFERENCES countries (code),
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  population INTEGER NOT NULL CHECK (population >= 0),
  longitude REAL NOT NULL,
  latitude REAL NOT NULL
) STRICT;
CREATE INDEX places_by_country ON places (country, population DESC);
CREATE INDEX places_by_population ON places (population);
CREATE VIRTUAL TABLE names USING fts5 (name, content = 'places', content_rowid = 'id');
CREATE TRIGGER places_inserted AFTER INSERT ON places BEGIN
  INSERT INTO names (rowid, name) VALUES (new.id, new.name);
  UPDATE countries SET places = places + 1 WHERE code = new.country;
END;
CREATE TABLE events (id INTEGER PRIMARY KEY, client INTEGER NOT NULL, note TEXT NOT NULL);
`;

export interface DemoQuery {
  readonly title: string;
  readonly sql: string;
}

/** A dozen questions that use joins, windows, FTS5, JSON, CTEs and aggregates. */
export const QUERIES: readonly DemoQuery[] = [
  {
    title: 'places and people',
    sql: 'SELECT count(*) AS places, sum(population) AS people FROM places',
  },
  {
    title: 'largest cities',
    sql: 'SELECT name, country, population FROM places ORDER BY population DESC LIMIT 3',
  },
  {
    title: 'countries with most places',
    sql: 'SELECT code, places FROM countries ORDER BY places DESC LIMIT 3',
  },
  {
    title: 'the trigger counted right',
    sql: `SELECT count(*) AS wrong FROM countries c
          WHERE places <> (SELECT count(*) FROM places p WHERE p.country = c.code)`,
  },
  {
    title: 'second city of the five largest countries',
    sql: `WITH ranked AS (
            SELECT country, name, population, row_number() OVER (PARTITION BY country ORDER BY population DESC) AS rank,
                   sum(population) OVER (PARTITION BY country) AS total FROM places)
          SELECT country, name FROM ranked WHERE rank = 2 ORDER BY total DESC LIMIT 5`,
  },
  {
    title: 'full text: names with "springs"',
    sql: "SELECT count(*) AS places FROM names WHERE names MATCH 'springs'",
  },
  {
    title: 'full text ranked: "san* juan*"',
    sql: `SELECT p.name, p.country FROM names JOIN places p ON p.id = names.rowid
          WHERE names MATCH 'san* juan*' ORDER BY rank, p.id LIMIT 3`,
  },
  {
    title: 'most frequent name',
    sql: 'SELECT name, count(*) AS times FROM places GROUP BY name ORDER BY times DESC, name LIMIT 1',
  },
  {
    title: 'northernmost town above 10,000',
    sql: 'SELECT name, country, round(latitude, 2) AS latitude FROM places WHERE population > 10000 ORDER BY latitude DESC LIMIT 1',
  },
  {
    title: 'median population',
    sql: 'SELECT population FROM places ORDER BY population LIMIT 1 OFFSET (SELECT count(*) / 2 FROM places)',
  },
  {
    title: 'kinds as JSON',
    sql: 'SELECT json_group_object(kind, n) AS kinds FROM (SELECT kind, count(*) AS n FROM places GROUP BY kind ORDER BY n DESC LIMIT 3)',
  },
  {
    title: 'foreign keys hold',
    sql: 'SELECT count(*) AS broken FROM pragma_foreign_key_check',
  },
];
