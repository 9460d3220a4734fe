-- Sums by the minute, of the last two days: without them an hour in which much happened is added up row by row, and so
-- are the ends of every period that does not begin and end with an hour.
INSERT INTO usage_cubes VALUES (9, 60000, 1, 1), (10, 60000, 0, 1), (11, 60000, 0, 0);

-- From here on they are whole. It follows the clock, ten minutes at most with each transaction: what it leaves behind is
-- deleted in that transaction, and nobody may wait long for it.
CREATE TABLE usage_minutes (since INTEGER NOT NULL);
INSERT INTO usage_minutes VALUES (unixepoch() / 60 * 60000 - 172800000);

CREATE TRIGGER usage_minutes_pass AFTER UPDATE ON usage_minutes BEGIN
  DELETE FROM usage_rollup WHERE cube = 9 AND person IN (SELECT id FROM usage_people) AND bucket < NEW.since
  ; DELETE FROM usage_rollup WHERE cube IN (10, 11) AND person = 0 AND bucket < NEW.since
  ; END;

DROP TRIGGER usage_rolled_up;
CREATE TRIGGER usage_rolled_up AFTER UPDATE ON usage_summed BEGIN
  INSERT INTO usage_models SELECT DISTINCT model FROM usage
    WHERE rowid IN usage_fresh AND model IS NOT NULL AND provider IS NOT NULL ON CONFLICT DO NOTHING
  ; INSERT INTO usage_models SELECT DISTINCT model FROM usage
    WHERE rowid IN usage_fresh AND model IS NOT NULL AND model NOT IN usage_models
    LIMIT max(0, 2000 - (SELECT count(*) FROM usage_models))
  ; INSERT INTO usage_people (login) SELECT DISTINCT login FROM usage WHERE rowid IN usage_fresh
    ON CONFLICT DO NOTHING
  ; INSERT INTO usage_cells (model, provider, door, agent, status, outcome)
    SELECT DISTINCT model, provider, door, agent, status, outcome FROM usage_facts WHERE row_id IN usage_fresh
    ON CONFLICT DO NOTHING
  ; INSERT INTO usage_rollup
    SELECT cube.id, cube.by_person * fact.person AS who, fact.start - fact.start % cube.step AS start,
      cube.by_cell * fact.cell AS what,
      sum(fact.requests), sum(fact.failed), sum(fact.input_tokens), sum(fact.output_tokens),
      sum(fact.cached_tokens), sum(fact.reasoning_tokens), sum(fact.cache_write_tokens),
      sum(fact.tool_calls), sum(fact.web_searches), sum(fact.images), sum(fact.audio_ms),
      sum(fact.cost_nanousd), sum(fact.unpriced), sum(fact.estimated), sum(fact.bytes_in),
      sum(fact.bytes_out), sum(fact.duration_ms), sum(fact.latency_4), sum(fact.latency_8),
      sum(fact.latency_16), sum(fact.latency_32), sum(fact.latency_64), sum(fact.latency_128),
      sum(fact.latency_256), sum(fact.latency_512), sum(fact.latency_1024), sum(fact.latency_2048),
      sum(fact.latency_4096), sum(fact.latency_8192), sum(fact.latency_16384), sum(fact.latency_32768),
      sum(fact.latency_65536), sum(fact.latency_131072), sum(fact.latency_262144),
      sum(fact.latency_524288), sum(fact.latency_1048576), sum(fact.latency_over)
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
        sum(fact.duration_ms) AS duration_ms, sum(fact.latency_4) AS latency_4,
        sum(fact.latency_8) AS latency_8, sum(fact.latency_16) AS latency_16,
        sum(fact.latency_32) AS latency_32, sum(fact.latency_64) AS latency_64,
        sum(fact.latency_128) AS latency_128, sum(fact.latency_256) AS latency_256,
        sum(fact.latency_512) AS latency_512, sum(fact.latency_1024) AS latency_1024,
        sum(fact.latency_2048) AS latency_2048, sum(fact.latency_4096) AS latency_4096,
        sum(fact.latency_8192) AS latency_8192, sum(fact.latency_16384) AS latency_16384,
        sum(fact.latency_32768) AS latency_32768, sum(fact.latency_65536) AS latency_65536,
        sum(fact.latency_131072) AS latency_131072, sum(fact.latency_262144) AS latency_262144,
        sum(fact.latency_524288) AS latency_524288, sum(fact.latency_1048576) AS latency_1048576,
        sum(fact.latency_over) AS latency_over
      FROM usage_fresh CROSS JOIN usage_facts AS fact CROSS JOIN usage_people AS person CROSS JOIN usage_cells AS cell
      WHERE fact.row_id = usage_fresh.row_id AND person.login = fact.login AND cell.model = fact.model
        AND cell.provider = fact.provider AND cell.door = fact.door AND cell.agent = fact.agent
        AND cell.status = fact.status AND cell.outcome = fact.outcome
      GROUP BY 1, 2, 3
    ) AS fact CROSS JOIN usage_cubes AS cube
    WHERE cube.step > 60000 OR fact.start >= (SELECT since FROM usage_minutes) GROUP BY 1, 2, 3, 4
    ON CONFLICT DO UPDATE SET
      requests = requests + excluded.requests, failed = failed + excluded.failed,
      input_tokens = input_tokens + excluded.input_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
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
      latency_16384 = latency_16384 + excluded.latency_16384,
      latency_32768 = latency_32768 + excluded.latency_32768,
      latency_65536 = latency_65536 + excluded.latency_65536,
      latency_131072 = latency_131072 + excluded.latency_131072,
      latency_262144 = latency_262144 + excluded.latency_262144,
      latency_524288 = latency_524288 + excluded.latency_524288,
      latency_1048576 = latency_1048576 + excluded.latency_1048576,
      latency_over = latency_over + excluded.latency_over
  ; DELETE FROM usage_fresh
  ; UPDATE usage_minutes SET since = min(since + 600000, unixepoch() / 60 * 60000 - 172800000)
    WHERE since < unixepoch() / 60 * 60000 - 172800000
  ; END;

-- What was written before.
INSERT INTO usage_rollup
  SELECT 9, person.id, fact.bucket - fact.bucket % 60000 AS minute, cell.id,
    sum(fact.requests), sum(fact.failed), sum(fact.input_tokens), sum(fact.output_tokens),
    sum(fact.cached_tokens), sum(fact.reasoning_tokens), sum(fact.cache_write_tokens), sum(fact.tool_calls),
    sum(fact.web_searches), sum(fact.images), sum(fact.audio_ms), sum(fact.cost_nanousd), sum(fact.unpriced),
    sum(fact.estimated), sum(fact.bytes_in), sum(fact.bytes_out), sum(fact.duration_ms), sum(fact.latency_4),
    sum(fact.latency_8), sum(fact.latency_16), sum(fact.latency_32), sum(fact.latency_64),
    sum(fact.latency_128), sum(fact.latency_256), sum(fact.latency_512), sum(fact.latency_1024),
    sum(fact.latency_2048), sum(fact.latency_4096), sum(fact.latency_8192), sum(fact.latency_16384),
    sum(fact.latency_32768), sum(fact.latency_65536), sum(fact.latency_131072), sum(fact.latency_262144),
    sum(fact.latency_524288), sum(fact.latency_1048576), sum(fact.latency_over)
  FROM usage_facts AS fact CROSS JOIN usage_people AS person CROSS JOIN usage_cells AS cell
  WHERE fact.bucket >= (SELECT since FROM usage_minutes) AND person.login = fact.login
    AND cell.model = fact.model AND cell.provider = fact.provider AND cell.door = fact.door
    AND cell.agent = fact.agent AND cell.status = fact.status AND cell.outcome = fact.outcome
  GROUP BY person.id, minute, cell.id;
INSERT INTO usage_rollup
  SELECT cube.id, 0, bucket, cube.by_cell * cell AS what,
    sum(requests), sum(failed), sum(input_tokens), sum(output_tokens),
    sum(cached_tokens), sum(reasoning_tokens), sum(cache_write_tokens), sum(tool_calls),
    sum(web_searches), sum(images), sum(audio_ms), sum(cost_nanousd), sum(unpriced),
    sum(estimated), sum(bytes_in), sum(bytes_out), sum(duration_ms), sum(latency_4),
    sum(latency_8), sum(latency_16), sum(latency_32), sum(latency_64),
    sum(latency_128), sum(latency_256), sum(latency_512), sum(latency_1024),
    sum(latency_2048), sum(latency_4096), sum(latency_8192), sum(latency_16384),
    sum(latency_32768), sum(latency_65536), sum(latency_131072), sum(latency_262144),
    sum(latency_524288), sum(latency_1048576), sum(latency_over)
  FROM usage_cubes AS cube CROSS JOIN usage_rollup AS minutely
  WHERE cube.id > 9 AND minutely.cube = 9 GROUP BY cube.id, bucket, what;
