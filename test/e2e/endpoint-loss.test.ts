import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { MeshStatus } from '../../src/control/status.ts'
import { Load } from '../support/load.ts'
import { call, eventually } from '../support/mesh.ts'
import { freePorts, WeftProcess } from '../support/process.ts'
import { testFolder } from '../support/test-folder.ts'

const payments = resolve(import.meta.dirname, '../../examples/shop/payments.ts')

/** Two workloads behind one Service, and one that calls it. */
async function writePayments(folder: string) {
  const [control = 0, controlAdmin = 0, local = 0, clientAdmin = 0, ...ports] = await freePorts(14)
  const sidecar = (admin = ports.shift()): string => {
    const [outbound, inbound] = ports.splice(0, 2)
    return `sidecar: { adminPort: ${admin}, outboundPort: ${outbound}, inboundPort: ${inbound} }`
  }
  const workload = (name: string, spec: string, admin?: number): string => `---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, labels: { app: ${name.slice(0, -2)} } }
spec:
  ${sidecar(admin)}
  ${spec}
`
  const instance = (name: string): string =>
    workload(
      name,
      `ports: [{ name: http, port: ${ports.pop()} }]
  healthCheck: { path: /healthz, interval: 100ms }
  run: { command: [node, ${payments}] }`,
    )
  const config = join(folder, 'mesh.yaml')
  const service = `
apiVersion: v1
kind: Service
metadata: { name: payments }
spec: { selector: { app: payments }, ports: [{ port: 80, targetPort: http }] }
`
  const upstreams = `upstreams: [{ service: payments, localPort: ${local} }]`
  const client = workload('client-a', upstreams, clientAdmin)
  writeFileSync(config, [service, instance('payments-a'), instance('payments-b'), client].join(''))
  const command = ['up', config, '--state-directory', join(folder, 'state')]
  command.push('--control-port', String(control), '--control-admin-port', String(controlAdmin))
  return { command, local, controlAdmin, clientAdmin }
}

t.test('kill -9 of one of two endpoints fails no idempotent request', async t => {
  const folder = testFolder(t)
  const { command, local, controlAdmin, clientAdmin } = await writePayments(folder)
  const weft = new WeftProcess(command, folder)
  t.teardown(() => weft[Symbol.asyncDispose]())
  await weft.line(/^Requests appear below/)
  const pids = (name: string): number[] => {
    const row = weft.lines.find(line => line.startsWith(`${name} `))?.split(/\s+/) ?? []
    return [row[2], row[6]].map(Number)
  }
  const allReady = async (): Promise<boolean> => {
    const { body } = await call(controlAdmin, { path: '/status' })
    const { sidecars } = JSON.parse(body) as MeshStatus
    const clusters = await call(clientAdmin, { path: '/clusters' })
    return (
      sidecars.every(({ connected, ready }) => connected && ready) &&
      ['payments-a', 'payments-b'].every(name => clusters.body.includes(name))
    )
  }
  await eventually(allReady, Boolean)

  const load = new Load({ port: local, path: '/payments/7' })
  await load.more(500)
  for (const pid of pids('payments-a')) process.kill(pid, 'SIGKILL')
  await load.more(2000)
  await weft.line(/payments-a sidecar was ended by SIGKILL/)
  await eventually(allReady, Boolean)
  // Now the other one, and only its application: its sidecar answers that it cannot reach it.
  const [application = 0] = pids('payments-b')
  process.kill(application, 'SIGKILL')
  await load.more(2000)
  await load.stop()
  t.same(load.failures.slice(0, 5), [])
})
