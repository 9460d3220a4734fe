/** wrangler bundles these as text. */
declare module '*.sql' {
  const script: string
  // biome-ignore lint/style/noDefaultExport: a text module has no other.
  export default script
}
declare module '*.css' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: a text module has no other.
  export default text
}
declare module '*.svg' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: a text module has no other.
  export default text
}
declare module '*.js' {
  const text: string
  // biome-ignore lint/style/noDefaultExport: a text module has no other.
  export default text
}
