/** Rows as a table of Markdown; numbers stand on the right. */
export function markdownTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const isNumber = columns.map((_, index) => rows.every(row => typeof row[index] === 'number'))
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  return [
    line(columns),
    line(isNumber.map(numeric => (numeric ? '--:' : '---'))),
    ...rows.map(line),
  ].join('\n')
}
