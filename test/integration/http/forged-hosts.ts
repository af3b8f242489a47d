// Requests that claim another host, path or scheme. The service must not trust any of these claims.

export const forgedHeaders = [
  'X-Forwarded-Host: evil.test',
  'X-Forwarded-Proto: evil',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Prefix: /evil',
  'Forwarded: for=evil.test;host=evil.test;proto=evil',
  'X-Original-URL: /evil',
  'X-Rewrite-URL: /evil',
  'X-Host: evil.test',
  'Referer: https://evil.test/',
  'Origin: https://evil.test',
]

/** Matches a forged value, but not four letters inside a token or at its end. */
export const forgedValue = /(?<![\w-]{12})evil(?![\w-])/

/** Request targets and host headers that name another host for a route. */
export const forgedTargets = (path: string): [what: string, target: string, lines: string[]][] => [
  ['forgedHeaders headers alone', path, ['Host: latchkey.test']],
  ['a foreign host', path, ['Host: evil.test']],
  ['a host that contains credentials', path, ['Host: evil.test:80@latchkey.test']],
  ['a host with markup', path, ['Host: evil.test"><script>evil</script>']],
  ['a host with a path', path, ['Host: evil.test/evil?']],
  ['an empty host', path, ['Host:']],
  ['an absolute target', `http://evil.test${path}`, ['Host: latchkey.test']],
  ['an absolute target with credentials', `http://latchkey.test@evil.test${path}`, ['Host: latchkey.test']],
]
