export function installPacked(others: string[]): string
