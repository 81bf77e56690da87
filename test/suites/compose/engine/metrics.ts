/** What a sidecar shows on its health port: sum of a counter's samples whose labels match. */
export async function metricOf(
  address: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const answer = await fetch(`http://${address}:15020/metrics`)
  const lines = (await answer.text()).split('\n')
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
  return lines
    .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter(line => wanted.every(pair => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
