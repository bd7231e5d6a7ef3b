const MASK = '•••'
/** Fields in which Lago and Dodo write who somebody is and where they live. */
const PERSONAL =
  /^(?:.*_)?(?:name|firstname|lastname|first_name|last_name|legal_name|email|emails|phone|phone_number|url|street|address|address_line1|address_line2|city|state_province|zipcode|zip|postal_code|tax_identification_number|tax_id|legal_number|ip|card_holder_name|card_last_four|card_holder)$/i
/** What is called so is no person. */
const IMPERSONAL =
  /^(?:product_name|item_name|fee_name|invoice_name|event_name|plan_name|brand_name|invoice_display_name|file_url|payment_url|checkout_url|web_url|xml_url)$/i

/** The same JSON with everything in it that says who somebody is covered. */
export function maskPersonal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskPersonal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, maskField(name, inner)]),
  )
}

/** HighLevel writes `firstName` for what the others call `first_name`. */
const snake = (name: string) => name.replaceAll(/([a-z])([A-Z])/g, '$1_$2')

function maskField(field: string, value: unknown): unknown {
  const name = snake(field)
  const isText = typeof value === 'string' || typeof value === 'number'
  if (isText && PERSONAL.test(name) && !IMPERSONAL.test(name)) return MASK
  return maskPersonal(value)
}
