export interface WorkloadName {
  readonly namespace: string
  readonly name: string
}

/** `<namespace>/<name>`: neither part can hold a slash. */
export function workloadKey({ namespace, name }: WorkloadName): string {
  return `${namespace}/${name}`
}
