/** Why Caddy would not run a configuration, in words for its owner where Caddy's own are for its authors. */
export const inPlainWords = (reason: string): string =>
  /\bunknown module: \S*tailscale\b/.test(reason)
    ? 'This Caddy lacks caddy-tailscale. https://github.com/tailscale/caddy-tailscale tells how to build one that has it.'
    : reason
