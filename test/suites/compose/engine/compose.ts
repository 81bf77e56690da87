import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import type { Engine, Inspected } from './engine.ts'
import { nodeImage, weftImage } from './images.ts'

const execute = promisify(execFile)
const debian = '/usr/lib/python3/dist-packages'

/** Debian's docker-compose wants the libraries that Debian has, whatever pip has put before them. */
export function composeEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, ...(existsSync(debian) && { PYTHONPATH: debian }) }
}

/** A compose file, run by docker-compose 1.29. */
export class Project implements AsyncDisposable {
  readonly name: string
  readonly #engine: Engine
  readonly #file: string

  constructor(engine: Engine, name: string, file: string) {
    this.name = name
    this.#engine = engine
    this.#file = join(dirname(file), 'portable.json')
    writeFileSync(this.#file, JSON.stringify(portable(readFileSync(file, 'utf8'))))
  }

  /** Resolves when all has been started, each after what it depends on. */
  async up(...services: string[]): Promise<void> {
    await this.compose('up', '--detach', '--no-build', ...services)
  }

  async compose(...command: string[]): Promise<string> {
    const { socket, environment } = this.#engine
    const env = {
      ...environment,
      ...composeEnvironment(),
      DOCKER_SOCKET: socket,
      DOCKER_GID: String(statSync(socket).gid),
      WEFT_IMAGE: weftImage,
      NODE_IMAGE: nodeImage,
      COMPOSE_PARALLEL_LIMIT: '8',
    }
    const options = ['--file', this.#file, '--project-name', this.name, '--no-ansi']
    const { stdout } = await execute('docker-compose', [...options, ...command], { env })
    return stdout.trim()
  }

  /** By the names of their services. */
  async containers(): Promise<ReadonlyMap<string, Inspected>> {
    const filter = `label=com.docker.compose.project=${this.name}`
    const ids = await this.#engine.docker('ps', '--all', '--quiet', '--filter', filter)
    const containers = await this.#engine.inspect(...ids.split('\n'))
    return new Map(
      containers.map(container => [
        container.Config.Labels['com.docker.compose.service'] ?? '',
        container,
      ]),
    )
  }

  /** @throws when there is none. */
  async container(service: string): Promise<Inspected> {
    const container = (await this.containers()).get(service)
    if (container === undefined) throw new Error(`no container of ${service} is there`)
    return container
  }

  async addressOf(service: string): Promise<string> {
    return this.#engine.addressOf((await this.container(service)).Id)
  }

  /** With all that it made. What still runs is not waited for; what all have said stays, beside the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    writeFileSync(join(dirname(this.#file), 'logs.txt'), await this.compose('logs'))
    await this.compose('down', '--volumes', '--timeout', '1')
  }
}

interface ComposeService {
  readonly healthcheck?: { start_interval?: string }
  readonly depends_on?: Readonly<Record<string, { restart?: boolean }>> | readonly string[]
  readonly volumes?: readonly (string | { readonly bind?: { create_host_path?: boolean } })[]
}

/** Without the three fields of today's compose files that 1.29 has not heard of; none changes what is run. */
function portable(text: string): unknown {
  const file = parse(text, { merge: true }) as { services: Record<string, ComposeService> }
  // What anchors share is one object, which may be met twice.
  for (const { healthcheck, depends_on: others = [], volumes = [] } of Object.values(
    file.services,
  )) {
    delete healthcheck?.start_interval
    if (!isList(others)) for (const other of Object.values(others)) delete other.restart
    for (const volume of volumes)
      if (typeof volume !== 'string') delete volume.bind?.create_host_path
  }
  return file
}

function isList(value: object): value is readonly unknown[] {
  return Array.isArray(value)
}
