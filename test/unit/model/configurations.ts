import { parseConfiguration, type Configuration } from '../../../src/model/configuration.ts'
import { formatProblem } from '../../../src/model/problem.ts'

/** Of files `0.yaml`, `1.yaml` and so on with these texts. */
export function problemsIn(...texts: string[]): string[] {
  return parse(texts).problems.map(formatProblem)
}

/** @throws Error with what is wrong in them. */
export function configurationIn(...texts: string[]): Configuration {
  const { configuration, problems } = parse(texts)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  return configuration
}

function parse(texts: string[]) {
  return parseConfiguration(texts.map((text, index) => ({ name: `${index}.yaml`, text })))
}

/** A Service `name` or `name.namespace` with one port 80, or these. */
export function serviceYaml(qualifiedName: string, ports = '[{ port: 80 }]'): string {
  const [name, namespace = 'default'] = qualifiedName.split('.')
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: ${ports} }
---
`
}
