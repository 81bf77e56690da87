// The first process of the suite's own namespaces; main.ts starts it.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cases } from './cases.ts'
import type { CaseContext, Extra } from './case.ts'
import { ClusterDns } from './cluster/cluster-dns.ts'
import { Cluster } from './cluster/cluster.ts'
import { prepareNode } from './cluster/network.ts'
import type { Programs } from './cluster/programs.ts'
import { ServiceProxy } from './cluster/service-proxy.ts'
import { Kubelet } from './kubelet/kubelet.ts'
import { Report } from '../report.ts'

interface Plan {
  readonly programs: Programs
  readonly extras: Readonly<Partial<Record<Extra, string>>>
  readonly cases: readonly string[]
  readonly folder: string
}

const plan = JSON.parse(process.argv[2] ?? '') as Plan
const report = new Report()
try {
  await runAll()
} catch (error) {
  report.check('the cluster starts', false, (error as Error).message)
}
report.print()
// Whatever still runs ends with this process.
process.exit(report.failed === 0 ? 0 : 1)

async function runAll(): Promise<void> {
  await prepareNode()
  const { folder } = plan
  // A store that need not outlive us need not wait for a disk.
  mkdirSync(join(folder, 'etcd'))
  execFileSync('mount', ['-t', 'tmpfs', 'etcd', join(folder, 'etcd')])
  const begun = performance.now()
  await using cluster = await Cluster.start(plan.programs, folder)
  await using _proxy = await ServiceProxy.start(cluster.api)
  await using _dns = await ClusterDns.start(cluster.api)
  await using kubelet = await Kubelet.start(cluster.api, folder)
  report.figure('cluster ready after', (performance.now() - begun) / 1000, 's')
  for (const name of plan.cases) {
    console.log(name)
    const own = join(folder, name)
    mkdirSync(own)
    await runCase(name, { cluster, kubelet, report, extras: plan.extras, folder: own })
  }
}

async function runCase(name: string, context: CaseContext): Promise<void> {
  try {
    await cases.find(each => each.name === name)?.run(context)
  } catch (error) {
    report.check(`${name} runs to its end`, false, (error as Error).stack)
  }
}
