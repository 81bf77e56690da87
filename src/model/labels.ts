export type Labels = Readonly<Record<string, string>>

/** Whether something has all the labels that are wanted, as `matchLabels` of Kubernetes. */
export function isLabelled(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  )
}
