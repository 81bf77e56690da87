import type { MeshPlan, UpOptions } from '../../../../src/cli/up/plan.ts'
import { planMesh } from '../../../../src/cli/up/plan.ts'
import { parseConfiguration, type Configuration } from '../../../../src/model/configuration.ts'
import { formatProblem } from '../../../../src/model/problem.ts'

const options: UpOptions = {
  config: 'mesh.yaml',
  controlPort: 15012,
  controlAdminPort: 15014,
  stateDirectory: '/var/weft',
}

/** The plan for these documents. @throws Error with what is wrong in them. */
export function planOf(...documents: string[]): { plan: MeshPlan; configuration: Configuration } {
  const { configuration, problems } = parseConfiguration([
    { name: options.config, text: documents.join('\n---\n') },
  ])
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  return { plan: planMesh(configuration, options), configuration }
}

/** A Workload `name` or `name.namespace` with the label `app: name`; `spec` in YAML's flow style. */
export function workload(qualifiedName: string, spec = '{}'): string {
  const [name, namespace = 'default'] = qualifiedName.split('.')
  return `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: ${name} } }
spec: ${spec}`
}

/** A Service `name` or `name.namespace` of the workloads with the label `app: name`. */
export function service(qualifiedName: string, ports = '[{ port: 80 }]'): string {
  const [name, namespace = 'default'] = qualifiedName.split('.')
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: ${ports} }`
}
