import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Runtime } from './runtimes.ts'

interface Call {
  readonly id: string
  readonly resolve: () => void
}

/** The least that an unmodified runtime needs, in this process, without a mesh: what the sidecars are compared with. */
export class BareRuntime implements AsyncDisposable {
  readonly #payload: string
  readonly #handler: string
  readonly #server: http.Server
  readonly #children: ChildProcess[] = []
  readonly #polls: ServerResponse[] = []
  readonly #waiting: Call[] = []
  readonly #running = new Map<string, Call>()
  #calls = 0

  static async start(
    { command, handler }: Runtime,
    options: { readonly directory: string; readonly processes: number; readonly payload: string },
  ): Promise<BareRuntime> {
    const runtime = new BareRuntime(options.payload, handler)
    runtime.#server.listen(0, '127.0.0.1')
    await once(runtime.#server, 'listening')
    for (let i = 0; i < options.processes; i++) runtime.#spawn(command, options.directory)
    return runtime
  }

  private constructor(payload: string, handler: string) {
    this.#payload = payload
    this.#handler = handler
    const options = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }
    this.#server = http.createServer(options, (request, response) => this.#serve(request, response))
  }

  call(): Promise<void> {
    const id = String(++this.#calls)
    return new Promise(resolve => {
      this.#waiting.push({ id, resolve })
      this.#match()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async child => {
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      }),
    )
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #spawn([program = '', ...args]: readonly string[], directory: string): void {
    const { port } = this.#server.address() as AddressInfo
    const names = ['FUNCTION_NAME', 'FUNCTION_VERSION', 'FUNCTION_MEMORY_SIZE']
    const lambda = [...names, 'LOG_GROUP_NAME', 'LOG_STREAM_NAME'].map(name => [
      `AWS_LAMBDA_${name}`,
      '1',
    ])
    const env = {
      ...process.env,
      ...Object.fromEntries(lambda),
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      _HANDLER: this.#handler,
      LAMBDA_TASK_ROOT: directory,
    }
    this.#children.push(spawn(program, args, { cwd: directory, env, stdio: 'ignore' }))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'GET') {
      this.#polls.push(response)
      return this.#match()
    }
    const id = request.url?.split('/').at(-2) ?? ''
    request.resume().on('end', () => {
      response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}')
      const call = this.#running.get(id)
      this.#running.delete(id)
      call?.resolve()
    })
  }

  #match(): void {
    const [call] = this.#waiting
    if (call === undefined) return
    const poll = this.#polls.shift()
    if (poll === undefined) return
    this.#waiting.shift()
    this.#running.set(call.id, call)
    poll.writeHead(200, {
      'content-type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': call.id,
      'Lambda-Runtime-Deadline-Ms': '9999999999999',
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:local:000000000000:function:bare',
    })
    poll.end(this.#payload)
  }
}
