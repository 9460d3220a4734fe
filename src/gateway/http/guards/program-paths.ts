/** Where programs ask, whatever a browser that was led there would rather read; each with all that is below it. */
export const programPaths: readonly string[] = [
  ...['/v1', '/v1alpha', '/v1beta', '/v1beta1', '/bedrock', '/ollama', '/codex'],
  ...['/chat/completions', '/responses', '/embeddings', '/models'],
  ...['/postern/api', '/aperture'],
  ...['/metrics', '/healthz', '/readyz'],
]

export const isForPrograms = (path: string): boolean =>
  programPaths.some((root) => path === root || path.startsWith(`${root}/`))
