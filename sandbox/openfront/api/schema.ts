import { buildSchema } from 'graphql'

/** The part of the shop's schema that a payment provider meets, with the names and types of the shop. */
export const SCHEMA = buildSchema(`
  scalar JSON

  type Query {
    "Public. It does not say whether the cart has become an order."
    activeCart(cartId: ID!): JSON
    activeInvoice(invoiceId: ID!): JSON
    cart(where: CartWhereUniqueInput!): Cart
    order(where: OrderWhereUniqueInput!): Order
    paymentProvider(where: PaymentProviderWhereUniqueInput!): PaymentProvider
    paymentProviders: [PaymentProvider!]
  }

  type Mutation {
    initiatePaymentSession(cartId: ID!, paymentProviderId: String!): JSON
    initiateInvoicePaymentSession(invoiceId: ID!, paymentProviderId: String!): JSON
    createActiveCartPaymentSessions(cartId: ID!): JSON
    completeActiveCart(cartId: ID!, paymentSessionId: ID): JSON
    completeInvoicePayment(invoiceId: ID!, paymentSessionId: ID!): JSON
    handlePaymentProviderWebhook(providerId: ID!, event: JSON!, headers: JSON!): WebhookResult!
    createPaymentProvider(data: PaymentProviderCreateInput!): PaymentProvider
  }

  input CartWhereUniqueInput { id: ID }
  input OrderWhereUniqueInput { id: ID displayId: Int }
  input PaymentProviderWhereUniqueInput { id: ID code: String }

  type Cart {
    id: ID!
    email: String
    rawTotal: Int
    "It reads a property that is not loaded, and says ACTIVE for ever."
    status: String
    order: Order
  }

  type Order {
    id: ID!
    displayId: Int
    status: OrderStatusType
    email: String
    total: String
  }

  enum OrderStatusType { pending completed archived canceled requires_action }

  type WebhookResult { success: Boolean! message: String statusCode: Int error: String }

  type PaymentProvider {
    id: ID!
    name: String
    code: String
    isInstalled: Boolean
    credentials: JSON
    createPaymentFunction: String
    capturePaymentFunction: String
    refundPaymentFunction: String
    getPaymentStatusFunction: String
    generatePaymentLinkFunction: String
    handleWebhookFunction: String
  }

  input PaymentProviderCreateInput {
    name: String
    code: String
    isInstalled: Boolean
    credentials: JSON
    metadata: JSON
    createPaymentFunction: String
    capturePaymentFunction: String
    refundPaymentFunction: String
    getPaymentStatusFunction: String
    generatePaymentLinkFunction: String
    handleWebhookFunction: String
  }
`)
