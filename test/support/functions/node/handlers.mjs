// Handlers as AWS's runtime client for Node loads them. What they do stands in the event.
/* global awslambda */

const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

const actions = {
  identify: (_event, context) => ({
    request: context.awsRequestId,
    arn: context.invokedFunctionArn,
    name: context.functionName,
    version: context.functionVersion,
    memory: context.memoryLimitInMB,
    remaining: context.getRemainingTimeInMillis(),
    client: context.clientContext,
    trace: process.env._X_AMZN_TRACE_ID ?? null,
  }),
  pid: () => process.pid,
  sleep: async ({ ms }) => {
    await wait(ms)
    return process.pid
  },
  throw: ({ message }) => {
    throw new TypeError(message)
  },
  reject: ({ value }) => Promise.reject(value),
  exit: ({ code }) => process.exit(code),
  print: ({ lines }) => {
    for (const line of lines) console.log(line)
    return lines.length
  },
  large: ({ bytes }) => 'x'.repeat(bytes),
  size: ({ text }) => text.length,
  nothing: () => undefined,
  circular: () => {
    const result = {}
    result.self = result
    return result
  },
  // Outside of any promise that the runtime awaits.
  later: () => {
    setTimeout(() => {
      throw new Error('too late to be caught')
    }, 0)
    return wait(60_000)
  },
}

export async function act(event, context) {
  return actions[event.action](event, context)
}

/** As the handler of the same name for Python. */
export async function echo(event) {
  if (event === 'fail') throw new Error('as told')
  console.log('echoes')
  return event
}

export const stream = awslambda.streamifyResponse(async (event, responseStream) => {
  // By HTTP the command stands in the query.
  const command = event.queryStringParameters ?? event
  let out = responseStream
  if (command.status !== undefined)
    out = awslambda.HttpResponseStream.from(responseStream, {
      statusCode: Number(command.status),
      headers: { 'x-streamed': 'yes' },
      cookies: ['a=1', 'b=2'],
    })
  else if (command.type !== undefined) out.setContentType(command.type)
  if (command.throws === 'early') throw new RangeError('before a byte')
  out.write('one ')
  await wait(1)
  if (command.throws === 'late') throw new RangeError('after some bytes')
  out.write('two')
  out.end()
})
