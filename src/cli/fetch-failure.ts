/** Why a `fetch` failed: the reason is in the cause, and the message says no more than that it did. */
export function explainFailure(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}
