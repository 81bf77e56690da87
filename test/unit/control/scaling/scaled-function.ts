import type { ScaledFunction } from '../../../../src/control/scaling/workload-driver.ts'
import type { FunctionSpec } from '../../../../src/model/function/function.ts'
import { configurationIn } from '../../model/configurations.ts'
import { compileFunction } from '../../../../src/control/compilation/function-compiler.ts'

/** The function `echo`, with what the test says of it. */
export function scaledFunction(changes: Partial<FunctionSpec> = {}): ScaledFunction {
  const [resource] = configurationIn(`
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec: { driver: docker, image: 'echo:1', scale: { zero: gone } }
`).functions
  if (resource === undefined) throw new Error('there is one')
  const spec = {
    ...compileFunction(resource, { queue: undefined, region: undefined }).versions.$LATEST,
    ...changes,
  }
  return { name: 'echo', namespace: 'default', serviceAccount: 'echo', spec }
}
