-- Tells apart how a request ended: an error code beside the outcome, and sums of what providers failed and of what was
-- refused here. One model is one line, under whichever of its names it was asked for. The columns that later versions fill
-- come along, so that the table changes once.
ALTER TABLE usage ADD COLUMN error_code TEXT;
ALTER TABLE usage ADD COLUMN alias TEXT;
ALTER TABLE usage ADD COLUMN attempts TEXT;
ALTER TABLE usage ADD COLUMN translated TEXT;
ALTER TABLE usage ADD COLUMN queued_ms INTEGER;

-- The name under which a model is counted: the provider's, as `gpu/qwen3`, `qwen3` and an alias may all be one model.
ALTER TABLE usage ADD COLUMN counted_model TEXT GENERATED ALWAYS AS (coalesce(upstream_model, model)) VIRTUAL;
DROP INDEX usage_model_started_at;
CREATE INDEX usage_counted_model_started_at ON usage (counted_model, started_at);
CREATE INDEX usage_error_code_started_at ON usage (error_code, started_at) WHERE error_code IS NOT NULL;

-- Codes that sums are kept for. Ours are few; of those that providers make up only so many count by themselves, the others
-- as 'other'.
CREATE TABLE usage_codes (name TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TRIGGER usage_code_is_known AFTER INSERT ON usage WHEN NEW.error_code IS NOT NULL BEGIN
  INSERT INTO usage_codes SELECT NEW.error_code
    WHERE NEW.outcome = 'rejected' OR (SELECT count(*) FROM usage_codes) < 500 ON CONFLICT DO NOTHING
  ; END;

DROP TRIGGER usage_rolled_up;
DROP VIEW usage_facts;
ALTER TABLE usage_cells RENAME TO usage_cells_before;

CREATE TABLE usage_cells (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  door TEXT NOT NULL,
  agent TEXT NOT NULL,
  status INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error_code TEXT NOT NULL,
  UNIQUE (model, provider, door, agent, status, outcome, error_code)
);

-- Two counts in one column, as in those of latencies: below 2^31 errors (of providers, and answers that were cut short
-- here), above it what was refused here.
ALTER TABLE usage_rollup ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;

-- A row of the ledger in the terms of the sums.
CREATE VIEW usage_facts AS
SELECT
  usage.rowid AS row_id, started_at AS bucket, login,
  CASE WHEN counted_model IN usage_models THEN counted_model ELSE '' END AS model,
  coalesce(provider, '') AS provider, door, agent, status, outcome,
  CASE WHEN error_code IS NULL THEN '' WHEN error_code IN usage_codes THEN error_code ELSE 'other' END AS error_code,
  1 AS requests, outcome <> 'ok' AS failed, input_tokens, output_tokens, cached_tokens, reasoning_tokens,
  cache_write_tokens, tool_calls, web_searches, images, audio_ms, coalesce(cost_nanousd, 0) AS cost_nanousd,
  cost_nanousd IS NULL AS unpriced, tokens_source = 'estimated' AS estimated, bytes_in, bytes_out, duration_ms,
  coalesce(first_byte_ms < 4, 0) + ((duration_ms < 4) << 31) AS latency_4,
  coalesce(first_byte_ms >= 4 AND first_byte_ms < 8, 0) + ((duration_ms >= 4 AND duration_ms < 8) << 31) AS latency_8,
  coalesce(first_byte_ms >= 8 AND first_byte_ms < 16, 0) + ((duration_ms >= 8 AND duration_ms < 16) << 31) AS latency_16,
  coalesce(first_byte_ms >= 16 AND first_byte_ms < 32, 0) + ((duration_ms >= 16 AND duration_ms < 32) << 31) AS latency_32,
  coalesce(first_byte_ms >= 32 AND first_byte_ms < 64, 0) + ((duration_ms >= 32 AND duration_ms < 64) << 31) AS latency_64,
  coalesce(first_byte_ms >= 64 AND first_byte_ms < 128, 0) + ((duration_ms >= 64 AND duration_ms < 128) << 31) AS latency_128,
  coalesce(first_byte_ms >= 128 AND first_byte_ms < 256, 0) + ((duration_ms >= 128 AND duration_ms < 256) << 31) AS latency_256,
  coalesce(first_byte_ms >= 256 AND first_byte_ms < 512, 0) + ((duration_ms >= 256 AND duration_ms < 512) << 31) AS latency_512,
  coalesce(first_byte_ms >= 512 AND first_byte_ms < 1024, 0) + ((duration_ms >= 512 AND duration_ms < 1024) << 31) AS latency_1024,
  coalesce(first_byte_ms >= 1024 AND first_byte_ms < 2048, 0) + ((duration_ms >= 1024 AND duration_ms < 2048) << 31) AS latency_2048,
  coalesce(first_byte_ms >= 2048 AND first_byte_ms < 4096, 0) + ((duration_ms >= 2048 AND duration_ms < 4096) << 31) AS latency_4096,
  coalesce(first_byte_ms >= 4096 AND first_byte_ms < 8192, 0) + ((duration_ms >= 4096 AND duration_ms < 8192) << 31) AS latency_8192,
  coalesce(first_byte_ms >= 8192 AND first_byte_ms < 16384, 0) + ((duration_ms >= 8192 AND duration_ms < 16384) << 31) AS latency_16384,
  coalesce(first_byte_ms >= 16384 AND first_byte_ms < 32768, 0) + ((duration_ms >= 16384 AND duration_ms < 32768) << 31) AS latency_32768,
  coalesce(first_byte_ms >= 32768 AND first_byte_ms < 65536, 0) + ((duration_ms >= 32768 AND duration_ms < 65536) << 31) AS latency_65536,
  coalesce(first_byte_ms >= 65536 AND first_byte_ms < 131072, 0) + ((duration_ms >= 65536 AND duration_ms < 131072) << 31) AS latency_131072,
  coalesce(first_byte_ms >= 131072 AND first_byte_ms < 262144, 0) + ((duration_ms >= 131072 AND duration_ms < 262144) << 31) AS latency_262144,
  coalesce(first_byte_ms >= 262144 AND first_byte_ms < 524288, 0) + ((duration_ms >= 262144 AND duration_ms < 524288) << 31) AS latency_524288,
  coalesce(first_byte_ms >= 524288 AND first_byte_ms < 1048576, 0) + ((duration_ms >= 524288 AND duration_ms < 1048576) << 31) AS latency_1048576,
  coalesce(first_byte_ms >= 1048576, 0) + ((duration_ms >= 1048576) << 31) AS latency_over,
  (outcome IN ('upstream_error', 'cut')) + ((outcome = 'rejected') << 31) AS ended
FROM usage;

CREATE TRIGGER usage_rolled_up AFTER UPDATE ON usage_summed BEGIN
  INSERT INTO usage_models SELECT DISTINCT counted_model FROM usage
    WHERE rowid IN usage_fresh AND counted_model IS NOT NULL AND provider IS NOT NULL ON CONFLICT DO NOTHING
  ; INSERT INTO usage_models SELECT DISTINCT counted_model FROM usage
    WHERE rowid IN usage_fresh AND counted_model IS NOT NULL AND counted_model NOT IN usage_models
    LIMIT max(0, 2000 - (SELECT count(*) FROM usage_models))
  ; INSERT INTO usage_people (login) SELECT DISTINCT login FROM usage WHERE rowid IN usage_fresh
    ON CONFLICT DO NOTHING
  ; INSERT INTO usage_cells (model, provider, door, agent, status, outcome, error_code)
    SELECT DISTINCT model, provider, door, agent, status, outcome, error_code FROM usage_facts
    WHERE row_id IN usage_fresh ON CONFLICT DO NOTHING
  ; INSERT INTO usage_rollup
    SELECT cube.id, cube.by_person * fact.person AS who, fact.start - fact.start % cube.step AS start,
      cube.by_cell * fact.cell AS what,
      sum(fact.requests), sum(fact.failed), sum(fact.input_tokens), sum(fact.output_tokens), sum(fact.cached_tokens),
      sum(fact.reasoning_tokens), sum(fact.cache_write_tokens), sum(fact.tool_calls), sum(fact.web_searches),
      sum(fact.images), sum(fact.audio_ms), sum(fact.cost_nanousd), sum(fact.unpriced), sum(fact.estimated),
      sum(fact.bytes_in), sum(fact.bytes_out), sum(fact.duration_ms), sum(fact.latency_4), sum(fact.latency_8),
      sum(fact.latency_16), sum(fact.latency_32), sum(fact.latency_64), sum(fact.latency_128), sum(fact.latency_256),
      sum(fact.latency_512), sum(fact.latency_1024), sum(fact.latency_2048), sum(fact.latency_4096),
      sum(fact.latency_8192), sum(fact.latency_16384), sum(fact.latency_32768), sum(fact.latency_65536),
      sum(fact.latency_131072), sum(fact.latency_262144), sum(fact.latency_524288), sum(fact.latency_1048576),
      sum(fact.latency_over), sum(fact.ended)
    FROM (
      SELECT person.id AS person, fact.bucket - fact.bucket %
          CASE WHEN fact.bucket >= (SELECT since FROM usage_minutes) THEN 60000 ELSE 3600000 END AS start,
        cell.id AS cell,
        sum(fact.requests) AS requests, sum(fact.failed) AS failed, sum(fact.input_tokens) AS input_tokens,
        sum(fact.output_tokens) AS output_tokens, sum(fact.cached_tokens) AS cached_tokens,
        sum(fact.reasoning_tokens) AS reasoning_tokens, sum(fact.cache_write_tokens) AS cache_write_tokens,
        sum(fact.tool_calls) AS tool_calls, sum(fact.web_searches) AS web_searches, sum(fact.images) AS images,
        sum(fact.audio_ms) AS audio_ms, sum(fact.cost_nanousd) AS cost_nanousd, sum(fact.unpriced) AS unpriced,
        sum(fact.estimated) AS estimated, sum(fact.bytes_in) AS bytes_in, sum(fact.bytes_out) AS bytes_out,
        sum(fact.duration_ms) AS duration_ms, sum(fact.latency_4) AS latency_4, sum(fact.latency_8) AS latency_8,
        sum(fact.latency_16) AS latency_16, sum(fact.latency_32) AS latency_32, sum(fact.latency_64) AS latency_64,
        sum(fact.latency_128) AS latency_128, sum(fact.latency_256) AS latency_256,
        sum(fact.latency_512) AS latency_512, sum(fact.latency_1024) AS latency_1024,
        sum(fact.latency_2048) AS latency_2048, sum(fact.latency_4096) AS latency_4096,
        sum(fact.latency_8192) AS latency_8192, sum(fact.latency_16384) AS latency_16384,
        sum(fact.latency_32768) AS latency_32768, sum(fact.latency_65536) AS latency_65536,
        sum(fact.latency_131072) AS latency_131072, sum(fact.latency_262144) AS latency_262144,
        sum(fact.latency_524288) AS latency_524288, sum(fact.latency_1048576) AS latency_1048576,
        sum(fact.latency_over) AS latency_over, sum(fact.ended) AS ended
      FROM usage_fresh CROSS JOIN usage_facts AS fact CROSS JOIN usage_people AS person CROSS JOIN usage_cells AS cell
      WHERE fact.row_id = usage_fresh.row_id AND person.login = fact.login AND cell.model = fact.model AND cell.provider = fact.provider AND cell.door = fact.door
        AND cell.agent = fact.agent AND cell.status = fact.status AND cell.outcome = fact.outcome
        AND cell.error_code = fact.error_code
      GROUP BY 1, 2, 3
    ) AS fact CROSS JOIN usage_cubes AS cube
    WHERE cube.step > 60000 OR fact.start >= (SELECT since FROM usage_minutes) GROUP BY 1, 2, 3, 4
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, failed = failed + excluded.failed,
      input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
      cached_tokens = cached_tokens + excluded.cached_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
      cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
      tool_calls = tool_calls + excluded.tool_calls, web_searches = web_searches + excluded.web_searches,
      images = images + excluded.images, audio_ms = audio_ms + excluded.audio_ms,
      cost_nanousd = cost_nanousd + excluded.cost_nanousd, unpriced = unpriced + excluded.unpriced,
      estimated = estimated + excluded.estimated, bytes_in = bytes_in + excluded.bytes_in,
      bytes_out = bytes_out + excluded.bytes_out, duration_ms = duration_ms + excluded.duration_ms,
      latency_4 = latency_4 + excluded.latency_4, latency_8 = latency_8 + excluded.latency_8,
      latency_16 = latency_16 + excluded.latency_16, latency_32 = latency_32 + excluded.latency_32,
      latency_64 = latency_64 + excluded.latency_64, latency_128 = latency_128 + excluded.latency_128,
      latency_256 = latency_256 + excluded.latency_256, latency_512 = latency_512 + excluded.latency_512,
      latency_1024 = latency_1024 + excluded.latency_1024, latency_2048 = latency_2048 + excluded.latency_2048,
      latency_4096 = latency_4096 + excluded.latency_4096, latency_8192 = latency_8192 + excluded.latency_8192,
      latency_16384 = latency_16384 + excluded.latency_16384, latency_32768 = latency_32768 + excluded.latency_32768,
      latency_65536 = latency_65536 + excluded.latency_65536,
      latency_131072 = latency_131072 + excluded.latency_131072,
      latency_262144 = latency_262144 + excluded.latency_262144,
      latency_524288 = latency_524288 + excluded.latency_524288,
      latency_1048576 = latency_1048576 + excluded.latency_1048576,
      latency_over = latency_over + excluded.latency_over, ended = ended + excluded.ended
  ; DELETE FROM usage_fresh
  ; UPDATE usage_minutes SET since = min(since + 600000, unixepoch() / 60 * 60000 - 172800000)
    WHERE since < unixepoch() / 60 * 60000 - 172800000
  ; END;

-- The sums of what was written before. A name that was asked for at a provider stood for one model there, as a rule: then
-- its sums stay where they are, or are added to those of the same model's other name. Where it stood for several, they are
-- made of the rows again.
CREATE TABLE usage_names AS SELECT DISTINCT provider, model, counted_model FROM usage
  WHERE provider IS NOT NULL AND model IS NOT NULL;
CREATE INDEX usage_names_by_name ON usage_names (model, provider);
CREATE TABLE usage_names_of_several AS SELECT provider, model FROM usage_names
  GROUP BY provider, model HAVING count(*) > 1;

CREATE TABLE usage_moved AS
  SELECT old.id AS before, min(old.id) OVER same AS cell, coalesce(counted_model, old.model) AS model, old.provider,
    door, agent, status, outcome
  FROM usage_cells_before AS old LEFT JOIN usage_names
    ON usage_names.model = old.model AND usage_names.provider = old.provider
  WHERE (old.provider, old.model) NOT IN (SELECT provider, model FROM usage_names_of_several)
  WINDOW same AS (PARTITION BY coalesce(counted_model, old.model), old.provider, door, agent, status, outcome);
INSERT INTO usage_cells SELECT DISTINCT cell, model, provider, door, agent, status, outcome, '' FROM usage_moved;
DELETE FROM usage_moved WHERE before = cell;
CREATE UNIQUE INDEX usage_moved_before ON usage_moved (before);

INSERT INTO usage_rollup
  SELECT cube, person, bucket, usage_moved.cell,
    sum(requests), sum(failed), sum(input_tokens), sum(output_tokens), sum(cached_tokens), sum(reasoning_tokens),
    sum(cache_write_tokens), sum(tool_calls), sum(web_searches), sum(images), sum(audio_ms), sum(cost_nanousd),
    sum(unpriced), sum(estimated), sum(bytes_in), sum(bytes_out), sum(duration_ms), sum(latency_4), sum(latency_8),
    sum(latency_16), sum(latency_32), sum(latency_64), sum(latency_128), sum(latency_256), sum(latency_512),
    sum(latency_1024), sum(latency_2048), sum(latency_4096), sum(latency_8192), sum(latency_16384),
    sum(latency_32768), sum(latency_65536), sum(latency_131072), sum(latency_262144), sum(latency_524288),
    sum(latency_1048576), sum(latency_over), sum(ended)
  FROM usage_rollup AS old JOIN usage_moved ON before = old.cell GROUP BY 1, 2, 3, 4
  ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
    cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
    tool_calls = tool_calls + excluded.tool_calls, web_searches = web_searches + excluded.web_searches,
    images = images + excluded.images, audio_ms = audio_ms + excluded.audio_ms,
    cost_nanousd = cost_nanousd + excluded.cost_nanousd, unpriced = unpriced + excluded.unpriced,
    estimated = estimated + excluded.estimated, bytes_in = bytes_in + excluded.bytes_in,
    bytes_out = bytes_out + excluded.bytes_out, duration_ms = duration_ms + excluded.duration_ms,
    latency_4 = latency_4 + excluded.latency_4, latency_8 = latency_8 + excluded.latency_8,
    latency_16 = latency_16 + excluded.latency_16, latency_32 = latency_32 + excluded.latency_32,
    latency_64 = latency_64 + excluded.latency_64, latency_128 = latency_128 + excluded.latency_128,
    latency_256 = latency_256 + excluded.latency_256, latency_512 = latency_512 + excluded.latency_512,
    latency_1024 = latency_1024 + excluded.latency_1024, latency_2048 = latency_2048 + excluded.latency_2048,
    latency_4096 = latency_4096 + excluded.latency_4096, latency_8192 = latency_8192 + excluded.latency_8192,
    latency_16384 = latency_16384 + excluded.latency_16384, latency_32768 = latency_32768 + excluded.latency_32768,
    latency_65536 = latency_65536 + excluded.latency_65536,
    latency_131072 = latency_131072 + excluded.latency_131072,
    latency_262144 = latency_262144 + excluded.latency_262144,
    latency_524288 = latency_524288 + excluded.latency_524288,
    latency_1048576 = latency_1048576 + excluded.latency_1048576,
    latency_over = latency_over + excluded.latency_over, ended = ended + excluded.ended;
DELETE FROM usage_rollup WHERE cell IN (SELECT before FROM usage_moved) OR cell IN (
  SELECT id FROM usage_cells_before WHERE (provider, model) IN (SELECT provider, model FROM usage_names_of_several));

CREATE TABLE usage_again AS SELECT usage.rowid AS row_id FROM usage_names_of_several AS name
  CROSS JOIN usage_names AS meant CROSS JOIN usage
  WHERE meant.provider = name.provider AND meant.model = name.model AND usage.counted_model = meant.counted_model
    AND usage.provider = name.provider AND usage.model = name.model;
DELETE FROM usage_models;
INSERT INTO usage_models
  SELECT model FROM usage_cells WHERE model <> '' UNION
  SELECT counted_model FROM usage_names JOIN usage_names_of_several USING (provider, model);
INSERT INTO usage_cells (model, provider, door, agent, status, outcome, error_code)
  SELECT DISTINCT model, provider, door, agent, status, outcome, error_code FROM usage_facts
  WHERE row_id IN (SELECT row_id FROM usage_again) ON CONFLICT DO NOTHING;
INSERT INTO usage_rollup
  SELECT cube.id, cube.by_person * person.id AS who, fact.bucket - fact.bucket % cube.step AS start, cell.id,
    sum(fact.requests), sum(fact.failed), sum(fact.input_tokens), sum(fact.output_tokens), sum(fact.cached_tokens),
    sum(fact.reasoning_tokens), sum(fact.cache_write_tokens), sum(fact.tool_calls), sum(fact.web_searches),
    sum(fact.images), sum(fact.audio_ms), sum(fact.cost_nanousd), sum(fact.unpriced), sum(fact.estimated),
    sum(fact.bytes_in), sum(fact.bytes_out), sum(fact.duration_ms), sum(fact.latency_4), sum(fact.latency_8),
    sum(fact.latency_16), sum(fact.latency_32), sum(fact.latency_64), sum(fact.latency_128), sum(fact.latency_256),
    sum(fact.latency_512), sum(fact.latency_1024), sum(fact.latency_2048), sum(fact.latency_4096),
    sum(fact.latency_8192), sum(fact.latency_16384), sum(fact.latency_32768), sum(fact.latency_65536),
    sum(fact.latency_131072), sum(fact.latency_262144), sum(fact.latency_524288), sum(fact.latency_1048576),
    sum(fact.latency_over), sum(fact.ended)
  FROM usage_again CROSS JOIN usage_facts AS fact CROSS JOIN usage_people AS person CROSS JOIN usage_cells AS cell
    CROSS JOIN usage_cubes AS cube
  WHERE fact.row_id = usage_again.row_id AND person.login = fact.login AND cell.model = fact.model AND cell.provider = fact.provider AND cell.door = fact.door
        AND cell.agent = fact.agent AND cell.status = fact.status AND cell.outcome = fact.outcome
        AND cell.error_code = fact.error_code
    AND cube.by_cell = 1 AND (cube.step > 60000 OR fact.bucket >= (SELECT since FROM usage_minutes))
  GROUP BY 1, 2, 3, 4
  ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
    cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
    tool_calls = tool_calls + excluded.tool_calls, web_searches = web_searches + excluded.web_searches,
    images = images + excluded.images, audio_ms = audio_ms + excluded.audio_ms,
    cost_nanousd = cost_nanousd + excluded.cost_nanousd, unpriced = unpriced + excluded.unpriced,
    estimated = estimated + excluded.estimated, bytes_in = bytes_in + excluded.bytes_in,
    bytes_out = bytes_out + excluded.bytes_out, duration_ms = duration_ms + excluded.duration_ms,
    latency_4 = latency_4 + excluded.latency_4, latency_8 = latency_8 + excluded.latency_8,
    latency_16 = latency_16 + excluded.latency_16, latency_32 = latency_32 + excluded.latency_32,
    latency_64 = latency_64 + excluded.latency_64, latency_128 = latency_128 + excluded.latency_128,
    latency_256 = latency_256 + excluded.latency_256, latency_512 = latency_512 + excluded.latency_512,
    latency_1024 = latency_1024 + excluded.latency_1024, latency_2048 = latency_2048 + excluded.latency_2048,
    latency_4096 = latency_4096 + excluded.latency_4096, latency_8192 = latency_8192 + excluded.latency_8192,
    latency_16384 = latency_16384 + excluded.latency_16384, latency_32768 = latency_32768 + excluded.latency_32768,
    latency_65536 = latency_65536 + excluded.latency_65536,
    latency_131072 = latency_131072 + excluded.latency_131072,
    latency_262144 = latency_262144 + excluded.latency_262144,
    latency_524288 = latency_524288 + excluded.latency_524288,
    latency_1048576 = latency_1048576 + excluded.latency_1048576,
    latency_over = latency_over + excluded.latency_over, ended = ended + excluded.ended;

-- How requests ended, first where that is told apart, and then where all are one sum.
UPDATE usage_rollup SET ended = requests << CASE (SELECT outcome FROM usage_cells WHERE id = cell)
    WHEN 'rejected' THEN 31 ELSE 0 END
  WHERE cell IN (SELECT id FROM usage_cells WHERE outcome IN ('upstream_error', 'rejected'));
UPDATE usage_rollup SET ended = told.ended
  FROM (SELECT bucket AS at, sum(ended) AS ended FROM usage_rollup WHERE cube = 4 AND person = 0 GROUP BY bucket) AS told
  WHERE cube = 7 AND person = 0 AND bucket = told.at AND told.ended > 0;
UPDATE usage_rollup SET ended = told.ended
  FROM (SELECT bucket AS at, sum(ended) AS ended FROM usage_rollup WHERE cube = 10 AND person = 0 GROUP BY bucket) AS told
  WHERE cube = 11 AND person = 0 AND bucket = told.at AND told.ended > 0;
UPDATE usage_rollup SET ended = told.ended
  FROM (SELECT person AS who, bucket AS at, sum(ended) AS ended FROM usage_rollup
    WHERE cube = 2 AND person IN (SELECT id FROM usage_people) GROUP BY person, bucket) AS told
  WHERE cube = 8 AND person = told.who AND bucket = told.at AND told.ended > 0;

DROP TABLE usage_again;
DROP TABLE usage_moved;
DROP TABLE usage_names;
DROP TABLE usage_names_of_several;
DROP TABLE usage_cells_before;
