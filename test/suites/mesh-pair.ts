import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, WeftProcess } from '../support/process.ts'

export interface Application {
  /** How it is started; PORT is in its environment. `$PORT` among the arguments is replaced too. */
  readonly command: readonly string[]
  /** As the port of its Service is declared. */
  readonly appProtocol?: string
}

/** An application behind two sidecars, as `weft up` starts them. */
export class MeshPair implements AsyncDisposable {
  /** Of the application itself. */
  readonly direct: number
  /** Of the caller's sidecar, which leads there. */
  readonly through: number
  readonly #weft: WeftProcess
  readonly #folder: string

  private constructor(
    ports: { direct: number; through: number },
    weft: WeftProcess,
    folder: string,
  ) {
    this.direct = ports.direct
    this.through = ports.through
    this.#weft = weft
    this.#folder = folder
  }

  /** Resolves when both sidecars are ready. */
  static async start(application: Application): Promise<MeshPair> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-suite-'))
    const [direct = 0, through = 0, ...others] = await freePorts(10)
    const config = join(folder, 'mesh.yaml')
    writeFileSync(config, meshYaml(application, { direct, through, others }))
    const [push = 0, admin = 0] = others.slice(6)
    const command = ['up', config, '--state-directory', join(folder, 'state')]
    command.push('--control-port', String(push), '--control-admin-port', String(admin))
    const pair = new MeshPair({ direct, through }, new WeftProcess(command, folder), folder)
    await pair.#weft.line(/control plane: push/)
    return pair
  }

  /** What the processes printed. */
  get output(): string {
    return this.#weft.output
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#weft.signal('SIGTERM')
    await this.#weft.exited
    rmSync(this.#folder, { recursive: true })
  }
}

interface Ports {
  readonly direct: number
  readonly through: number
  readonly others: readonly number[]
}

function meshYaml(
  { command, appProtocol }: Application,
  { direct, through, others }: Ports,
): string {
  const sidecar = (at: number): object => ({
    adminPort: others[at],
    outboundPort: others[at + 1],
    inboundPort: others[at + 2],
  })
  const run = { command: command.map(argument => argument.replace('$PORT', String(direct))) }
  const servicePort = { port: 80, targetPort: direct, ...(appProtocol && { appProtocol }) }
  const documents = [
    { apiVersion: 'weft.dev/v1alpha1', kind: 'Mesh', metadata: { name: 'suite' }, spec: {} },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'server' },
      spec: { selector: { app: 'server' }, ports: [servicePort] },
    },
    workload('server', { ports: [{ port: direct }], run, sidecar: sidecar(0) }),
    workload('client', {
      upstreams: [{ service: 'server', localPort: through }],
      sidecar: sidecar(3),
    }),
  ]
  // JSON is YAML.
  return documents.map(document => JSON.stringify(document)).join('\n---\n')
}

function workload(name: string, spec: object): object {
  const metadata = { name, labels: { app: name } }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Workload', metadata, spec }
}
