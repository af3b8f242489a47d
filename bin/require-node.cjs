// Exits with one line if this version of Node is too old to run the service. Without it an old version fails with
// ERR_UNKNOWN_FILE_EXTENSION or a SyntaxError, which name no version. Old versions run this file, so it uses no new syntax.
const needed = require('../package.json').engines.node.replace('>=', '').split('.').map(Number)
const own = process.versions.node.split('.').map(Number)

if (own[0] < needed[0] || (own[0] === needed[0] && own[1] < needed[1])) {
  process.stderr.write(
    `Latchkey needs Node ${needed.join('.')} or newer. This is Node ${process.versions.node}.\n`,
  )
  process.exit(78)
}
