import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, WeftProcess } from '../support/process.ts'

export interface Application {
  /**
   * How it is started; PORT is in its environment. `$PORT` among the arguments is replaced too. Absent: whoever asked
   * for the pair starts it.
   */
  readonly command?: readonly string[]
  /** As the port of its Service is declared. */
  readonly appProtocol?: string
  /** How many there are, each with a sidecar. Default 1. */
  readonly pods?: number
}

/** An application behind two sidecars, as `weft up` starts them. */
export class MeshPair implements AsyncDisposable {
  /** Ports of the application itself, one a pod. */
  readonly pods: readonly number[]
  /** Of the caller's sidecar, which leads there. */
  readonly through: number
  readonly #weft: WeftProcess
  readonly #folder: string

  private constructor({ pods, through }: Ports, weft: WeftProcess, folder: string) {
    this.pods = pods
    this.through = through
    this.#weft = weft
    this.#folder = folder
  }

  /** Resolves when both sidecars are ready. */
  static async start(application: Application): Promise<MeshPair> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-suite-'))
    const count = application.pods ?? 1
    const [through = 0, push = 0, admin = 0, ...others] = await freePorts(6 + 4 * count)
    const ports = { through, pods: others.splice(0, count), others }
    const config = join(folder, 'mesh.yaml')
    writeFileSync(config, meshYaml(application, ports))
    const command = ['up', config, '--state-directory', join(folder, 'state')]
    command.push('--control-port', String(push), '--control-admin-port', String(admin))
    const pair = new MeshPair(ports, new WeftProcess(command, folder), folder)
    await pair.#weft.line(/control plane: push/)
    return pair
  }

  /** Of the first pod. */
  get direct(): number {
    return this.pods[0] ?? 0
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
  readonly pods: readonly number[]
  readonly through: number
  /** Three for each sidecar. */
  readonly others: readonly number[]
}

function meshYaml({ command, appProtocol }: Application, { pods, through, others }: Ports): string {
  const sidecar = (index: number): object => {
    const [adminPort, outboundPort, inboundPort] = others.slice(3 * index)
    return { adminPort, outboundPort, inboundPort }
  }
  const servicePort = { port: 80, targetPort: 'main', ...(appProtocol && { appProtocol }) }
  const servers = pods.map((port, index) => {
    const run = command && {
      command: command.map(argument => argument.replace('$PORT', String(port))),
    }
    const spec = { ports: [{ name: 'main', port }], run, sidecar: sidecar(index) }
    return workload(`server-${index}`, { app: 'server', spec })
  })
  const documents = [
    { apiVersion: 'weft.dev/v1alpha1', kind: 'Mesh', metadata: { name: 'suite' }, spec: {} },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'server' },
      spec: { selector: { app: 'server' }, ports: [servicePort] },
    },
    ...servers,
    workload('client', {
      app: 'client',
      spec: {
        upstreams: [{ service: 'server', localPort: through }],
        sidecar: sidecar(pods.length),
      },
    }),
  ]
  // JSON is YAML.
  return documents.map(document => JSON.stringify(document)).join('\n---\n')
}

function workload(name: string, { app, spec }: { app: string; spec: object }): object {
  const metadata = { name, labels: { app } }
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'Workload', metadata, spec }
}
