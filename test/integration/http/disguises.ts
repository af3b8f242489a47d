// What a request may claim of where it came to. None of it is for us to believe.

export const forged = [
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

/** A word of theirs, and no four letters of a token. */
export const theirs = /evil(?![\w-])/

/** Targets and hosts under which a route is asked for. */
export const disguises = (path: string): [what: string, target: string, lines: string[]][] => [
  ['forged headers alone', path, ['Host: latchkey.test']],
  ['a foreign host', path, ['Host: evil.test']],
  ['a host that reads like credentials', path, ['Host: evil.test:80@latchkey.test']],
  ['a host with markup', path, ['Host: evil.test"><script>evil</script>']],
  ['a host with a path', path, ['Host: evil.test/evil?']],
  ['an empty host', path, ['Host:']],
  ['an absolute target', `http://evil.test${path}`, ['Host: latchkey.test']],
  ['an absolute target with credentials', `http://latchkey.test@evil.test${path}`, ['Host: latchkey.test']],
]
