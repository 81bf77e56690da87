/** At which stage a function failed; decides what callers by HTTP are told, and whether the instance lives on. */
export type FaultStage =
  | 'handler'
  | 'init'
  | 'exit'
  | 'timeout'
  | 'too-large'
  | 'throttled'
  | 'ended'
  | 'not-stored'
  | 'event-too-large'
  | 'not-placed'
  | 'backend'

/** A failed invocation. */
export interface FunctionFault {
  readonly stage: FaultStage
  /** As AWS Lambda names it: `Runtime.ExitError`, `Sandbox.Timedout`, or what the handler has thrown. */
  readonly errorType: string
  readonly message: string
  /** The JSON document that a caller of the Invoke API gets; of the runtime's own making where it made one. */
  readonly document: Buffer
}

export function createFault(stage: FaultStage, errorType: string, message: string): FunctionFault {
  const document = Buffer.from(JSON.stringify({ errorType, errorMessage: message }))
  return { stage, errorType, message, document }
}

/** What a runtime has reported of its handler or its start. A document that can't be read is passed on as it is. */
export function reportedFault(
  stage: 'handler' | 'init',
  document: Buffer,
  typeHeader: string | undefined,
): FunctionFault {
  const { errorType, errorMessage } = readDocument(document)
  const type = validType(typeHeader) ?? errorType?.slice(0, longestType) ?? fallbackType[stage]
  return { stage, errorType: type, message: errorMessage ?? '', document }
}

/** It stands in answers and in trailers. */
const longestType = 200

const fallbackType = { handler: 'Function.Unknown', init: 'Runtime.Unknown' } as const

/** AWS's own runtimes give no header, others give anything: what does not look like a type is no type. */
function validType(header: string | undefined): string | undefined {
  return header !== undefined && /^(?:Runtime|Function)\.[A-Z][a-zA-Z]{0,99}$/.test(header)
    ? header
    : undefined
}

function readDocument(document: Buffer): { errorType?: string; errorMessage?: string } {
  try {
    const value: unknown = JSON.parse(document.toString())
    if (typeof value !== 'object' || value === null) return {}
    const fields = value as Record<string, unknown>
    const text = (name: string) => {
      const field = fields[name]
      return typeof field === 'string' ? { [name]: field } : {}
    }
    return { ...text('errorType'), ...text('errorMessage') }
  } catch {
    return {}
  }
}

/** How a process ended, in the words of AWS Lambda. `code` null: it was ended by `signal`. */
export function exitFault(id: string, code: number | null, signal: string | null): FunctionFault {
  const how =
    code === 0
      ? 'without providing a reason'
      : `with error: ${code === null ? `signal: ${signal}` : `exit status ${code}`}`
  return createFault('exit', 'Runtime.ExitError', `RequestId: ${id} Error: Runtime exited ${how}`)
}

export function timeoutFault(id: string, timeoutMs: number): FunctionFault {
  const seconds = (timeoutMs / 1000).toFixed(2)
  const message = `RequestId: ${id} Error: Task timed out after ${seconds} seconds`
  return createFault('timeout', 'Sandbox.Timedout', message)
}
