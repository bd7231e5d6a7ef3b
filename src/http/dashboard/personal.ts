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

const singular = (name: string) => name.replace(/(?<=ss)es$|(?<!s)s$/i, '')

function maskField(field: string, value: unknown): unknown {
  const names = [snake(field), singular(snake(field))]
  const isPersonal =
    names.some((name) => PERSONAL.test(name)) && !names.some((name) => IMPERSONAL.test(name))
  return isPersonal ? cover(value) : maskPersonal(value)
}

/** A list of them is as personal as one, and what has fields of its own goes by those. */
function cover(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'number') return MASK
  return Array.isArray(value) ? value.map(cover) : maskPersonal(value)
}
