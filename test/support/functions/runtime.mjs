// A runtime of the Lambda Runtime API in its simplest form: what the handler does stands in the event.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import http from 'node:http'

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const base = '/2018-06-01/runtime'

function ask(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: base + path, headers })
    request.on('error', reject)
    request.on('response', response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          headers: response.headers,
          status: response.statusCode,
          body: Buffer.concat(chunks),
        }),
      )
    })
    request.end(body)
  })
}

const actions = {
  environment: ({ name }) => process.env[name] ?? null,
  pid: () => process.pid,
  fork: () => ({ pid: process.pid, child: spawn('sleep', ['600']).pid }),
  sleep: ({ ms }) => new Promise(resolve => setTimeout(() => resolve(process.pid), ms)),
  throw: ({ message }) => {
    throw new Error(message)
  },
  exit: ({ code }) => process.exit(code),
  // Something must be waited for, or Node ends.
  hang: () => new Promise(resolve => setTimeout(resolve, 3_600_000)),
  return: ({ result }) => result,
  shout: ({ bytes }) => {
    process.stderr.write(`${'x'.repeat(99)}\n`.repeat(bytes / 100))
    return 'shouted'
  },
  large: ({ bytes }) => 'x'.repeat(bytes),
  append: ({ file, text }) => {
    appendFileSync(file, text)
    return 'appended'
  },
  say: ({ text }) => {
    console.log(text)
    return 'said'
  },
}

if (process.env._HANDLER === 'missing') {
  const error = { errorType: 'Runtime.HandlerNotFound', errorMessage: 'there is no missing' }
  await ask('POST', '/init/error', JSON.stringify(error))
  process.exit(1)
}
if (process.env._HANDLER === 'dies') process.exit(3)
if (process.env._HANDLER === 'never') await new Promise(resolve => setTimeout(resolve, 60_000))

// By HTTP it stands in the body.
function commandOf(event) {
  if (typeof event !== 'object' || event === null) return {}
  // What became of an event elsewhere.
  if (event.requestContext?.condition !== undefined) {
    const { requestContext, responsePayload } = event
    console.log(`event of ${requestContext.condition}: ${responsePayload?.errorMessage}`)
    return { action: 'say', text: 'noted' }
  }
  if (event.requestContext === undefined) return event
  return event.headers['content-type'] === 'application/json' ? JSON.parse(event.body) : {}
}

async function serve() {
  for (;;) {
    const { headers, body } = await ask('GET', '/invocation/next')
    const id = headers['lambda-runtime-aws-request-id']
    const event = JSON.parse(body.toString())
    const { WRITE_EVENTS: file } = process.env
    if (file !== undefined) appendFileSync(file, `${body}\n`)
    const command = commandOf(event)
    const { action } = command
    try {
      if (action === 'stream') await stream(id, command)
      else if (action === 'context')
        await ask('POST', `/invocation/${id}/response`, JSON.stringify(headers))
      else {
        const result = action === undefined ? event : await actions[action](command)
        const answer = JSON.stringify(result ?? null)
        await ask('POST', `/invocation/${id}/response`, answer)
        if (event.twice) {
          const { status } = await ask('POST', `/invocation/${id}/response`, '"again"')
          console.log(`second answer: ${status}`)
        }
      }
    } catch (error) {
      const { name, message } = error
      await ask(
        'POST',
        `/invocation/${id}/error`,
        JSON.stringify({ errorType: name, errorMessage: message }),
      )
    }
  }
}

function stream(id, { chunks, prelude, fail }) {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host,
      port,
      agent,
      method: 'POST',
      path: `${base}/invocation/${id}/response`,
      headers: {
        'lambda-runtime-function-response-mode': 'streaming',
        'transfer-encoding': 'chunked',
        'content-type':
          prelude === undefined
            ? 'text/plain'
            : 'application/vnd.awslambda.http-integration-response',
        ...(fail && {
          trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
        }),
      },
    })
    request.on('error', reject)
    request.on('response', response => response.resume().on('end', resolve))
    if (prelude !== undefined) request.write(`${JSON.stringify(prelude)}\0\0\0\0\0\0\0\0`)
    for (const chunk of chunks) request.write(chunk)
    if (fail)
      request.addTrailers({
        'Lambda-Runtime-Function-Error-Type': 'Function.StreamBroke',
        'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"StreamBroke"}').toString(
          'base64',
        ),
      })
    request.end()
  })
}

const loops = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1)
await Promise.all(Array.from({ length: loops }, serve))
