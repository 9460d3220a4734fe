/** wrangler bundles these as text. */
declare module '*.sql' {
  const script: string
  // biome-ignore lint/style/noDefaultExport: a text module has no other.
  export default script
}
