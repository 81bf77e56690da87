import type { Answer } from '../mesh.ts'

/** What runtimes of AWS write of an error; the stack has its name from the language. */
export interface ReportedError {
  readonly errorType: string
  readonly errorMessage: string
  readonly trace?: readonly string[]
  readonly stackTrace?: readonly string[]
}

/** The failure that an answer of the Invoke API tells of. @throws Error when it tells of none. */
export function faultOf({ status, headers, body }: Answer): ReportedError {
  if (status !== 200 || headers['x-amz-function-error'] !== 'Unhandled')
    throw new Error(`no function error: ${status} ${body.slice(0, 1000)}`)
  return JSON.parse(body) as ReportedError
}

export function errorTypeOf(answer: Answer): string {
  return faultOf(answer).errorType
}
