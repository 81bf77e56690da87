import http from 'node:http'

export interface Outcome {
  readonly status: number
  readonly body: string
  readonly reason: string | undefined
}

/** Keeps some clients asking for one path until it is stopped, and keeps what each answer was. */
export class Load {
  readonly outcomes: Outcome[] = []
  readonly #agent: http.Agent
  readonly #options: http.RequestOptions
  readonly #clients: Promise<void>[]
  readonly #watchers = new Set<() => void>()
  #stopped = false

  constructor(options: http.RequestOptions, clients = 8) {
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: clients })
    this.#options = { host: '127.0.0.1', ...options, agent: this.#agent }
    this.#clients = Array.from({ length: clients }, () => this.#run())
  }

  /** Everything but a 2xx: answers, and requests that got none (status 0). */
  get failures(): readonly Outcome[] {
    return this.outcomes.filter(({ status }) => status < 200 || status > 299)
  }

  /** Resolves when that many further answers have come. */
  async more(count: number): Promise<void> {
    const wanted = this.outcomes.length + count
    while (this.outcomes.length < wanted)
      await new Promise<void>(resolve => this.#watchers.add(resolve))
  }

  /** Resolves when each client has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
    this.#agent.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.outcomes.push(await this.#ask())
      for (const watcher of this.#watchers) watcher()
      this.#watchers.clear()
    }
  }

  #ask(): Promise<Outcome> {
    return new Promise(resolve => {
      const failed = (error: Error): void => resolve({ status: 0, body: '', reason: error.message })
      const request = http.get(this.#options, response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('error', failed)
        const reason = response.headers['x-weft-reason'] as string | undefined
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, reason }))
      })
      request.on('error', failed)
    })
  }
}
