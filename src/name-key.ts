/** Which of several keys it was, as people count them. The key itself, and what is made of it, is shown nowhere. */
export const nameKey = (index: number, keys: number) => `key ${index + 1} of ${keys}`
