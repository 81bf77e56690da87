interface LoggedError {
  readonly message: string
  readonly cause?: LoggedError
}

/** The fields of our own log lines that are shown. */
interface LogLine {
  readonly level: string
  readonly msg: string
  readonly error?: LoggedError
  readonly [field: string]: unknown
}

/** Fields that say what the prefix says already, or nothing to such a reader. */
const unshown = new Set(['level', 'time', 'msg', 'workload', 'namespace', 'error'])

/** A warning or error of a sidecar or the control plane as a reader at the terminal wants it; undefined for what is not worth one. */
export function formatLogLine(name: string, line: string): string | undefined {
  const entry = parseLogLine(line)
  // Not of the logger: a crash, or Node itself.
  if (entry === undefined) return `${name} | ${line}`
  if (entry.msg === 'function' && typeof entry['line'] === 'string')
    return `${name} | ${entry['line']}`
  if (entry.level !== 'warn' && entry.level !== 'error') return undefined
  const fields = Object.entries(entry)
    .filter(([field]) => !unshown.has(field))
    .map(formatField)
    .join('')
  const error = entry.error === undefined ? '' : `: ${formatError(entry.error)}`
  return `${name} | ${entry.level}: ${entry.msg}${error}${fields}`
}

/** With what caused it, unless its own message quotes that. */
function formatError({ message, cause }: LoggedError): string {
  if (cause === undefined || message.includes(cause.message)) return message
  return `${message}: ${formatError(cause)}`
}

/** A list, of problems say, with a line for each. */
function formatField([field, value]: [string, unknown]): string {
  return Array.isArray(value)
    ? value.map(item => `\n  ${typeof item === 'string' ? item : JSON.stringify(item)}`).join('')
    : ` ${field}=${JSON.stringify(value)}`
}

function parseLogLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value = JSON.parse(line) as Partial<LogLine>
    return typeof value.level === 'string' ? (value as LogLine) : undefined
  } catch {
    return undefined
  }
}
