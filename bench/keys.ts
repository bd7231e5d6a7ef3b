/** What both sides of a bench know. */
export const KEYS = {
  lago: {
    apiKey: 'bench-lago',
    hmacKey: '4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e10',
    organizationId: '0b7f6a3e-52c1-4b0e-9a4d-6f7f0c2d9a11',
  },
  dodo: {
    apiKey: 'bench-dodo',
    webhookSecret: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
  },
} as const
