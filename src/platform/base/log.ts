import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'
import { isoTime } from './iso-time.ts'

export type Log = Logger

// Error messages of drivers and parsers quote their input: a unique violation the address, a parse error the body. So an
// error is logged with its name, code and stack, and with its message only if the JavaScript engine wrote it.
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

/** Writes of up to this many bytes to a pipe are atomic, even if other processes write to it too (PIPE_BUF). */
const maxBatch = 4096
/** How many bytes are kept while the output cannot be written. */
const maxUnwritten = 1_000_000

// Lines of one turn of the event loop are written at once, as a system call costs more than a line. The last lines of a
// process are written at its exit.
const batchLines = (): DestinationStream => {
  const output = pino.destination({ fd: 1, sync: true, maxLength: maxUnwritten })
  // A full disk must not end the process.
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
      if (waiting.length + line.length > maxBatch) flush()
      if (!waiting) setImmediate(flush)
      waiting += line
    },
  }
}

/** Logs JSON lines in UTC to standard output. Log ids, never addresses, tokens, bodies or names. */
export const openLog = (name: string, level: string, destination?: DestinationStream): Log => {
  const options: LoggerOptions = {
    level,
    base: { process: name },
    timestamp: () => `,"time":"${isoTime(Date.now())}"`,
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
  return pino(options, destination ?? batchLines())
}
