/**
 * Keys and tokens by the marks that their makers give them, so that they are found when they leak. What repeats has a
 * bound: a text cannot make the search slow. Each begins where nothing stands before that could be part of it.
 */
const formats: readonly string[] = [
  // Models
  'sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{20,200}', // OpenAI, Anthropic, OpenRouter, DeepSeek
  'AIza[A-Za-z0-9_-]{35}', // Google
  'ABSK[A-Za-z0-9+/]{100,280}={0,2}', // Amazon Bedrock
  'hf_[A-Za-z0-9]{30,64}', // Hugging Face
  'gsk_[A-Za-z0-9]{40,64}', // Groq
  'xai-[A-Za-z0-9]{60,100}',
  'pplx-[A-Za-z0-9]{40,64}', // Perplexity
  'nvapi-[A-Za-z0-9_-]{60,80}',
  'r8_[A-Za-z0-9]{37}', // Replicate
  'csk-[a-z0-9]{40,64}', // Cerebras
  'sk_[a-f0-9]{48}', // ElevenLabs
  'tvly-[A-Za-z0-9-]{20,64}', // Tavily
  'lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}', // LangSmith
  'pst_[A-Za-z0-9]{36}', // our own
  // Clouds
  '(?:AKIA|ASIA)[A-Z0-9]{16}', // Amazon
  'GOCSPX-[A-Za-z0-9_-]{28}', // Google
  'ya29\\.[A-Za-z0-9_-]{20,2048}',
  'AccountKey=[A-Za-z0-9+/]{86}==', // Azure Storage
  '[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}', // Microsoft Entra
  'do[opr]_v1_[a-f0-9]{64}', // DigitalOcean
  'tskey-[a-z]{2,12}-[A-Za-z0-9]{8,32}-[A-Za-z0-9]{16,64}', // Tailscale
  'sbp_[a-f0-9]{40}', // Supabase
  'sb_secret_[A-Za-z0-9_-]{20,64}',
  'pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}', // PlanetScale
  'dapi[a-f0-9]{32}', // Databricks
  'hv[sbr]\\.[A-Za-z0-9_-]{24,300}', // Vault
  'dp\\.(?:pt|st|ct|sa)\\.[A-Za-z0-9_.-]{40,100}', // Doppler
  // Code
  'gh[opusr]_[A-Za-z0-9]{36,255}', // GitHub
  'github_pat_[A-Za-z0-9_]{22,255}',
  'gl(?:pat|dt|rt|ptt|oas|cbt|imt|soat|agent|ft)-[A-Za-z0-9_.-]{20,300}', // GitLab
  'npm_[A-Za-z0-9]{36}',
  'pypi-[A-Za-z0-9_-]{50,255}',
  'dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,64}', // Docker
  'ATATT3[A-Za-z0-9_=-]{100,260}', // Atlassian
  'lin_api_[A-Za-z0-9]{40}', // Linear
  'PMAK-[a-f0-9]{24}-[a-f0-9]{34}', // Postman
  'figd_[A-Za-z0-9_-]{40,200}', // Figma
  'gls[ar]_[A-Za-z0-9]{32}_[a-f0-9]{8}', // Grafana
  'glc_[A-Za-z0-9+/]{32,400}={0,2}',
  'NRAK-[A-Z0-9]{27}', // New Relic
  // Messages and money
  'xox[abeoprs]-[A-Za-z0-9-]{10,255}', // Slack
  'xapp-[A-Za-z0-9-]{10,255}',
  '[0-9]{8,10}:AA[A-Za-z0-9_-]{33}', // Telegram
  'SG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{32,64}', // SendGrid
  'SK[a-f0-9]{32}', // Twilio
  'ntn_[A-Za-z0-9]{40,64}', // Notion
  '[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}', // Stripe
  'whsec_[A-Za-z0-9+/]{24,128}',
  'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}', // Shopify
  'sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}', // Square
  'AGE-SECRET-KEY-1[0-9A-Z]{58}',
]

export const apiKeys = new RegExp(`(?<![A-Za-z0-9_-])(?:${formats.join('|')})`, 'g')
