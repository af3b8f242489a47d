import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'

export type Log = Logger

// Messages of drivers and parsers quote what they were given: a unique violation the address, a parse
// error the body. So an error is logged by its name, code and place; its words only where the engine
// itself wrote them.
const engineErrors = new Set(['TypeError', 'RangeError', 'ReferenceError', 'AssertionError'])

const describe = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return { type: typeof error }
  const { name, stack, cause } = error
  const { code, constraint, command } = error as {
    code?: unknown
    constraint?: unknown
    command?: { name?: unknown }
  }
  const plain = engineErrors.has(name) && code === undefined
  return {
    type: name,
    ...(code !== undefined && { code }),
    ...(constraint !== undefined && { constraint }),
    ...(command?.name !== undefined && { command: command.name }),
    ...(plain && { message: error.message }),
    stack: stack
      ?.split('\n')
      .filter(line => /^\s+at /.test(line))
      .slice(0, 12)
      .map(line => line.trim()),
    ...(cause !== undefined && { cause: describe(cause) }),
  }
}

/** What a pipe takes whole, whoever else writes to it (PIPE_BUF). */
const atOnce = 4096
/** Of what cannot be written. */
const keptAtMost = 1_000_000

// Lines of one turn of the event loop leave in one write: a system call costs more than a line. What a process says as
// it ends is not lost.
const linesOfOneTurn = (): DestinationStream => {
  const output = pino.destination({ fd: 1, sync: true, maxLength: keptAtMost })
  // A disk that is full is no reason to end.
  output.on('error', () => {})
  let waiting = ''
  const flush = () => {
    const lines = waiting
    waiting = ''
    if (lines) output.write(lines)
  }
  process.on('exit', flush)
  return {
    write: line => {
      if (waiting.length + line.length > atOnce) flush()
      if (!waiting) setImmediate(flush)
      waiting += line
    },
  }
}

/** JSON lines on standard output, UTC. Log ids, never addresses, tokens, bodies or names. */
export const openLog = (name: string, level: string, destination?: DestinationStream): Log => {
  const options: LoggerOptions = {
    level,
    base: { process: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    serializers: { err: describe },
    redact: {
      paths: [
        'password',
        'token',
        'refresh_token',
        'access_token',
        'email',
        'authorization',
        'cookie',
      ].flatMap(name => [name, `*.${name}`]),
      censor: '[redacted]',
    },
  }
  return pino(options, destination ?? linesOfOneTurn())
}
