import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePorts } from './process.ts'

const root = resolve(import.meta.dirname, '../..')

export interface Shop {
  /** The shop's configuration as we ship it, on ports of its own. */
  readonly config: string
  readonly controlPort: number
  readonly controlAdminPort: number
  /** Outbound port of the storefront's sidecar. */
  readonly outboundPort: number
  /** The arguments of `weft up`. */
  readonly command: readonly string[]
}

/** All with sidecars; the function too. */
const workloads = ['storefront', 'orders-v1', 'orders-v2', 'payments', 'hello-python']

/** Copies `config/mesh.yaml` into `folder`, every port moved to a free one. */
export async function writeShop(folder: string): Promise<Shop> {
  let text = readFileSync(join(root, 'config/mesh.yaml'), 'utf8')
  const fixed = [...new Set(text.match(/\b4[01]\d\d\b/g))]
  const ports = await freePorts(fixed.length + 3 * workloads.length + 2)
  const moved = new Map(fixed.map(port => [port, String(ports.pop())]))
  // In one go: a new port may look like one that is still to be moved.
  text = text.replaceAll(/\b4[01]\d\d\b/g, port => moved.get(port) ?? port)
  text = text.replaceAll('examples/shop/', join(root, 'examples/shop/'))
  const [controlPort = 0, controlAdminPort = 0, ...sidecarPorts] = ports
  const outboundPort = sidecarPorts[1] ?? 0
  text = text.replaceAll(/^(kind: (?:Workload|Function)\n.*?\nspec:\n)/gms, head => {
    const [admin, outbound, inbound] = sidecarPorts.splice(0, 3)
    const sidecar = `{ adminPort: ${admin}, outboundPort: ${outbound}, inboundPort: ${inbound} }`
    return `${head}  sidecar: ${sidecar}\n`
  })
  const config = join(folder, 'mesh.yaml')
  writeFileSync(config, text)
  const command = ['up', config, '--state-directory', join(folder, 'state')]
  command.push('--control-port', String(controlPort))
  command.push('--control-admin-port', String(controlAdminPort))
  return { config, controlPort, controlAdminPort, outboundPort, command }
}
