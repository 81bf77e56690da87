import { text } from 'node:stream/consumers'
import { CommandError } from '../command-error.ts'
import { explainFailure } from '../fetch-failure.ts'

export interface InvokeOptions {
  /** Outbound address of any sidecar. */
  readonly sidecar: URL
  /** The event, JSON; `-`: standard input has it. Default: an empty object. */
  readonly data?: string
  readonly log: boolean
}

/** No function may run longer. */
const timeoutMs = 900_000

/**
 * `weft invoke`: calls a function by its name, prints what it returned. Exit code 1 when the function failed.
 * @throws CommandError when it was not reached.
 */
export async function invoke(
  name: string,
  { sidecar, data = '', log }: InvokeOptions,
): Promise<number> {
  const body = data === '-' ? await text(process.stdin) : data
  const url = new URL(`/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, sidecar)
  const response = await post(url, body, log)
  const result = await response.text()
  if (!response.ok) throw new CommandError(`${name}: ${messageOf(result)}`)
  const logResult = response.headers.get('x-amz-log-result')
  if (logResult !== null) process.stderr.write(Buffer.from(logResult, 'base64'))
  console.log(result)
  return response.headers.has('x-amz-function-error') ? 1 : 0
}

async function post(url: URL, body: string, log: boolean): Promise<Response> {
  const headers = log ? { 'x-amz-log-type': 'Tail' } : {}
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await fetch(url, { method: 'POST', body, headers, signal })
  } catch (error) {
    throw new CommandError(
      `no sidecar answers at ${url.origin}: ${explainFailure(error)}; name the outbound port of one with --sidecar`,
    )
  }
}

/** Of an error as AWS Lambda writes them. */
function messageOf(document: string): string {
  try {
    const { message, Message } = JSON.parse(document) as { message?: string; Message?: string }
    return message ?? Message ?? document
  } catch {
    return document
  }
}
