/** Labels of what the control plane makes in the cluster. */
export const managedByWeft: Readonly<Record<string, string>> = {
  'app.kubernetes.io/managed-by': 'weft',
}
