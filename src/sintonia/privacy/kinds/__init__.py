"""The table of what is looked for: one file a family of kinds. It holds no logic of its own."""

from sintonia.privacy.kinds import countries, internet, italy, money, phone

WITHOUT_DIGITS = (italy.TAX_CODE,)
"""What a text without a digit and without an `@` may still hold."""

WITHOUT_NUMBER = (*internet.KINDS, money.IBAN, italy.TAX_CODE, italy.PLATE)
"""What a text may hold that has no number of five digits or more."""

KINDS = (*WITHOUT_NUMBER, *money.CARDS, *italy.NUMBERS, *countries.KINDS, *phone.KINDS)
"""Every kind, as `sintonia.privacy.shape.Kind`; some kinds have several forms."""
