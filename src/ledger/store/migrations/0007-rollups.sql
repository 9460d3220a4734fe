-- What pages show of the ledger, added up as it is written: src/store/rollup.ts says how it is read. A trigger does it,
-- so that a row counts in the transaction that really inserts it, once, whoever inserts it.

-- Which program called, of a list that does not grow by what strangers call themselves.
ALTER TABLE usage ADD COLUMN agent TEXT GENERATED ALWAYS AS (CASE
  WHEN user_agent LIKE 'claude-cli/%' THEN 'claude-code'
  WHEN user_agent LIKE 'codex%' THEN 'codex'
  WHEN user_agent LIKE 'GeminiCLI/%' THEN 'gemini-cli'
  WHEN user_agent LIKE 'opencode/%' THEN 'opencode'
  WHEN user_agent LIKE 'aperture-cli%' THEN 'aperture-cli'
  WHEN user_agent LIKE '%GitHubCopilot%' THEN 'copilot'
  WHEN user_agent LIKE '%Cline/%' THEN 'cline'
  WHEN user_agent LIKE '%RooCode/%' THEN 'roo-code'
  WHEN user_agent LIKE '%Kilo-Code/%' THEN 'kilo-code'
  WHEN user_agent LIKE '%aider%' THEN 'aider'
  WHEN user_agent LIKE '%Zed/%' THEN 'zed'
  WHEN user_agent LIKE '%cursor%' THEN 'cursor'
  WHEN user_agent LIKE '%Continue/%' THEN 'continue'
  WHEN user_agent LIKE 'goose%' THEN 'goose'
  WHEN user_agent LIKE '%Open WebUI%' THEN 'open-webui'
  WHEN user_agent LIKE '%OpenAI/Python%' THEN 'openai-python'
  WHEN user_agent LIKE 'OpenAI/JS%' THEN 'openai-js'
  WHEN user_agent LIKE '%Anthropic/Python%' THEN 'anthropic-python'
  WHEN user_agent LIKE 'Anthropic/JS%' THEN 'anthropic-js'
  WHEN user_agent LIKE 'google-genai-sdk%' THEN 'google-genai'
  WHEN user_agent LIKE '%LangChain%' THEN 'langchain'
  WHEN user_agent LIKE 'ai-sdk/%' THEN 'ai-sdk'
  WHEN user_agent LIKE '%litellm%' THEN 'litellm'
  WHEN user_agent LIKE 'Mozilla/%' THEN 'browser'
  WHEN user_agent LIKE 'curl/%' THEN 'curl'
  WHEN user_agent LIKE 'python-%' THEN 'python'
  WHEN user_agent LIKE 'Python/%' THEN 'python'
  WHEN user_agent LIKE 'node%' THEN 'node'
  WHEN user_agent LIKE 'undici%' THEN 'node'
  WHEN user_agent LIKE 'Go-http-client/%' THEN 'go'
  WHEN user_agent LIKE 'PostmanRuntime/%' THEN 'postman'
  WHEN user_agent = '' THEN ''
  ELSE 'other' END) VIRTUAL;

-- Names of models that sums are kept for. A name that no provider was ever asked for is a caller's own invention: of
-- those only so many count by themselves, the others as ''.
CREATE TABLE usage_models (name TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE usage_people (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE);

-- Everything that sums are told apart by, but for person and time.
CREATE TABLE usage_cells (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  door TEXT NOT NULL,
  agent TEXT NOT NULL,
  status INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  UNIQUE (model, provider, door, agent, status, outcome)
);

-- By hour, day and 30 days, with and without the person, with and without the rest; src/store/cubes.ts knows them too.
CREATE TABLE usage_cubes (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  by_person INTEGER NOT NULL,
  by_cell INTEGER NOT NULL
);
INSERT INTO usage_cubes VALUES
  (1, 3600000, 1, 1), (2, 86400000, 1, 1), (3, 2592000000, 1, 1),
  (4, 3600000, 0, 1), (5, 86400000, 0, 1), (6, 2592000000, 0, 1),
  (7, 3600000, 0, 0), (8, 86400000, 1, 0);

-- A latency column counts two things: below 2^31 first bytes, above it whole answers, that took less than its ms and no
-- less than those of the column before.
CREATE TABLE usage_rollup (
  cube INTEGER NOT NULL,
  person INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  cell INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  tool_calls INTEGER NOT NULL,
  web_searches INTEGER NOT NULL,
  images INTEGER NOT NULL,
  audio_ms INTEGER NOT NULL,
  cost_nanousd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  latency_4 INTEGER NOT NULL,
  latency_8 INTEGER NOT NULL,
  latency_16 INTEGER NOT NULL,
  latency_32 INTEGER NOT NULL,
  latency_64 INTEGER NOT NULL,
  latency_128 INTEGER NOT NULL,
  latency_256 INTEGER NOT NULL,
  latency_512 INTEGER NOT NULL,
  latency_1024 INTEGER NOT NULL,
  latency_2048 INTEGER NOT NULL,
  latency_4096 INTEGER NOT NULL,
  latency_8192 INTEGER NOT NULL,
  latency_16384 INTEGER NOT NULL,
  latency_32768 INTEGER NOT NULL,
  latency_65536 INTEGER NOT NULL,
  latency_131072 INTEGER NOT NULL,
  latency_262144 INTEGER NOT NULL,
  latency_524288 INTEGER NOT NULL,
  latency_1048576 INTEGER NOT NULL,
  latency_over INTEGER NOT NULL,
  PRIMARY KEY (cube, person, bucket, cell)
) WITHOUT ROWID;

-- A row of the ledger in the terms of the sums.
CREATE VIEW usage_facts AS
SELECT
  usage.rowid AS row_id, started_at AS bucket, login,
  CASE WHEN model IN usage_models THEN model ELSE '' END AS model,
  coalesce(provider, '') AS provider, door, agent, status, outcome,
  1 AS requests, outcome <> 'ok' AS failed, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cache_write_tokens, tool_calls,
  web_searches, images, audio_ms, coalesce(cost_nanousd, 0) AS cost_nanousd, cost_nanousd IS NULL AS unpriced,
  tokens_source = 'estimated' AS estimated, bytes_in, bytes_out, duration_ms,
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
  coalesce(first_byte_ms >= 1048576, 0) + ((duration_ms >= 1048576) << 31) AS latency_over
FROM usage;

CREATE TRIGGER usage_rolled_up AFTER INSERT ON usage BEGIN
  INSERT INTO usage_models SELECT NEW.model WHERE NEW.model IS NOT NULL
    AND (NEW.provider IS NOT NULL OR (SELECT count(*) FROM usage_models) < 2000) ON CONFLICT DO NOTHING
  ; INSERT INTO usage_people (login) VALUES (NEW.login) ON CONFLICT DO NOTHING
  ; INSERT INTO usage_cells (model, provider, door, agent, status, outcome)
    SELECT model, provider, door, agent, status, outcome FROM usage_facts WHERE row_id = NEW.rowid
    ON CONFLICT DO NOTHING
  ; INSERT INTO usage_rollup
    SELECT cube.id, cube.by_person * person.id, fact.bucket - fact.bucket % cube.step, cube.by_cell * cell.id,
      fact.requests, fact.failed, fact.input_tokens, fact.output_tokens, fact.cached_tokens,
      fact.reasoning_tokens, fact.cache_write_tokens, fact.tool_calls, fact.web_searches, fact.images,
      fact.audio_ms, fact.cost_nanousd, fact.unpriced, fact.estimated, fact.bytes_in, fact.bytes_out,
      fact.duration_ms, fact.latency_4, fact.latency_8, fact.latency_16, fact.latency_32, fact.latency_64,
      fact.latency_128, fact.latency_256, fact.latency_512, fact.latency_1024, fact.latency_2048,
      fact.latency_4096, fact.latency_8192, fact.latency_16384, fact.latency_32768, fact.latency_65536,
      fact.latency_131072, fact.latency_262144, fact.latency_524288, fact.latency_1048576, fact.latency_over
    FROM usage_facts AS fact CROSS JOIN usage_people AS person CROSS JOIN usage_cells AS cell CROSS JOIN usage_cubes AS cube
    WHERE fact.row_id = NEW.rowid AND person.login = NEW.login AND cell.model = fact.model
      AND cell.provider = fact.provider AND cell.door = fact.door AND cell.agent = fact.agent
      AND cell.status = fact.status AND cell.outcome = fact.outcome
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
      latency_1024 = latency_1024 + excluded.latency_1024,
      latency_2048 = latency_2048 + excluded.latency_2048,
      latency_4096 = latency_4096 + excluded.latency_4096,
      latency_8192 = latency_8192 + excluded.latency_8192,
      latency_16384 = latency_16384 + excluded.latency_16384,
      latency_32768 = latency_32768 + excluded.latency_32768,
      latency_65536 = latency_65536 + excluded.latency_65536,
      latency_131072 = latency_131072 + excluded.latency_131072,
      latency_262144 = latency_262144 + excluded.latency_262144,
      latency_524288 = latency_524288 + excluded.latency_524288,
      latency_1048576 = latency_1048576 + excluded.latency_1048576,
      latency_over = latency_over + excluded.latency_over
  ; END;

-- Requests that belong together. By person too: anybody may give any name to a session.
CREATE TABLE usage_sessions (
  login TEXT NOT NULL,
  session_id TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_nanousd INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  PRIMARY KEY (login, session_id)
) WITHOUT ROWID;

CREATE TRIGGER usage_in_session AFTER INSERT ON usage WHEN NEW.session_id IS NOT NULL BEGIN
  INSERT INTO usage_sessions VALUES (NEW.login, NEW.session_id, NEW.started_at, NEW.started_at, 1, NEW.outcome <> 'ok',
      NEW.input_tokens, NEW.output_tokens, coalesce(NEW.cost_nanousd, 0), NEW.cost_nanousd IS NULL)
    ON CONFLICT DO UPDATE SET
      first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
      requests = requests + 1, failed = failed + excluded.failed,
      input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens,
      cost_nanousd = cost_nanousd + excluded.cost_nanousd, unpriced = unpriced + excluded.unpriced
  ; END;

-- What was written before.
INSERT INTO usage_models SELECT model FROM (
  SELECT model, max(provider IS NOT NULL) AS served, min(started_at) AS first FROM usage
  WHERE model IS NOT NULL GROUP BY model ORDER BY served DESC, first LIMIT 2000
);
INSERT INTO usage_people (login) SELECT DISTINCT login FROM usage;
INSERT INTO usage_cells (model, provider, door, agent, status, outcome)
  SELECT DISTINCT model, provider, door, agent, status, outcome FROM usage_facts;
INSERT INTO usage_rollup
  SELECT 1, person.id, fact.bucket - fact.bucket % 3600000 AS hour, cell.id,
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
  WHERE person.login = fact.login AND cell.model = fact.model AND cell.provider = fact.provider
    AND cell.door = fact.door AND cell.agent = fact.agent AND cell.status = fact.status
    AND cell.outcome = fact.outcome
  GROUP BY person.id, hour, cell.id;
INSERT INTO usage_rollup
  SELECT cube.id, cube.by_person * person AS who, bucket - bucket % cube.step AS start, cube.by_cell * cell AS what,
    sum(requests), sum(failed), sum(input_tokens), sum(output_tokens), sum(cached_tokens),
    sum(reasoning_tokens), sum(cache_write_tokens), sum(tool_calls), sum(web_searches), sum(images),
    sum(audio_ms), sum(cost_nanousd), sum(unpriced), sum(estimated), sum(bytes_in), sum(bytes_out),
    sum(duration_ms), sum(latency_4), sum(latency_8), sum(latency_16), sum(latency_32), sum(latency_64),
    sum(latency_128), sum(latency_256), sum(latency_512), sum(latency_1024), sum(latency_2048),
    sum(latency_4096), sum(latency_8192), sum(latency_16384), sum(latency_32768), sum(latency_65536),
    sum(latency_131072), sum(latency_262144), sum(latency_524288), sum(latency_1048576), sum(latency_over)
  FROM usage_cubes AS cube CROSS JOIN usage_rollup AS hourly
  WHERE cube.id > 1 AND hourly.cube = 1 GROUP BY cube.id, who, start, what;
INSERT INTO usage_sessions
  SELECT login, session_id, min(started_at), max(started_at), count(*), sum(outcome <> 'ok'), sum(input_tokens),
    sum(output_tokens), coalesce(sum(cost_nanousd), 0), sum(cost_nanousd IS NULL)
  FROM usage WHERE session_id IS NOT NULL GROUP BY login, session_id;

CREATE INDEX usage_sessions_first_at ON usage_sessions (first_at, login, session_id);
CREATE INDEX usage_sessions_login_first_at ON usage_sessions (login, first_at, session_id);
CREATE INDEX usage_session_id_started_at ON usage (session_id, started_at);
-- The few that went wrong are looked for most.
CREATE INDEX usage_failed_started_at ON usage (started_at) WHERE outcome <> 'ok';
