export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Structured log. Fields hold facts, the message is a constant sentence; an Error goes under `error`. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** Fields of every line, such as the workload's name. */
  readonly fields?: Readonly<Record<string, string>>
  /** File descriptor. Default 2. */
  readonly descriptor?: number
}

/** Names under which a secret could stand in logged fields, at the top or one level down. */
const secrets = ['privateKey', 'token', 'authorization', 'password'].flatMap(name => [
  name,
  `*.${name}`,
])

/** Writes one JSON object a line. pino is loaded here so that programs without a log do not pay for it. */
export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const { pino } = await import('pino')
  const logger: Logger = pino(
    {
      level: options.level,
      base: options.fields ?? null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause },
      redact: { paths: secrets, censor: '[redacted]' },
    },
    pino.destination({ dest: options.descriptor ?? 2, sync: true }),
  )
  return logger
}

const ignore = (): void => {}

export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
