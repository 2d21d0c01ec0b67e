"""Seeded sentences with personal data, and hard negatives, for each kind: the generator of the P1 figures.

Check digits are computed here or drawn until python-stdnum accepts them; nothing of `sintonia.privacy` is used.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

Chance = random.Random


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind: how to make a value, a look-alike that is none, and the words that people put before it."""

    kind: str
    make: Callable[[Chance], str]
    spoil: Callable[[Chance], str]
    words: tuple[str, ...] = ()
    has_checksum: bool = True


WITH_WORD = (
    "{word}: {value}",
    "La mia {word} è {value}.",
    "Gentile ufficio, il numero {word} del cliente è {value}, grazie.",
    "Please update my {word} {value} in your files",
    "My {word} is {value}, can you check it?",
    "Dati del 12/03/2024: {word} {value}; prezzo 120,50 euro.",
    "On 3 May 2021 she wrote that her {word} was {value}!",
)
PLAIN = (
    "Il valore è {value}.",
    "{value}",
    "Ho scritto {value} sul modulo del 12/03/2024, va bene?",
    "He told me {value} and then left",
    "Mario Rossi, {value}, Roma",
    "Please check {value}; thank you",
    "(vedi {value})",
)
OTHER = (
    "Il pacco {value} è in viaggio.",
    "Ordine n. {value} confermato.",
    "The tracking number is {value}",
    "Order {value} was shipped in 2023",
    "Codice articolo {value}, quantità 3",
    "serial number {value} on the label",
)


def digits(chance: Chance, count: int) -> str:
    """So many random digits."""
    return "".join(chance.choices(string.digits, k=count))


def filled(chance: Chance, pattern: str) -> str:
    """`#` becomes a digit, `@` a capital, everything else stays."""
    made = {"#": string.digits, "@": string.ascii_uppercase}
    return "".join(chance.choice(made[one]) if one in made else one for one in pattern)


def drawn(module: str, *patterns: str, is_valid: bool = True) -> Callable[[Chance], str]:
    """Draws from the patterns until the check of python-stdnum says `is_valid`."""

    def make(chance: Chance) -> str:
        check = import_module(f"stdnum.{module}").is_valid
        while True:
            value = filled(chance, chance.choice(patterns))
            value = value.replace("MM", f"{chance.randint(1, 12):02d}").replace("DD", f"{chance.randint(1, 28):02d}")
            if check(value) == is_valid:
                return value

    return make


def luhn_digit(number: str) -> str:
    """The check digit of ISO/IEC 7812."""
    doubled = (int(one) * (2 - k % 2) for k, one in enumerate(reversed(number)))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def email(chance: Chance) -> str:
    """An address, plain or with dots, digits, plus, capitals, sub-domains."""
    name, surname = (chance.choice(["mario", "Anna", "li.wei", "josé", "x", "o'brien", "jean-luc"]) for _ in range(2))
    local = chance.choice([f"{name}.{surname}", f"{name}{digits(chance, 3)}", f"{name}+{surname}", f"{name}_{surname}"])
    return f"{local}@{chance.choice(['example.com', 'posta.esempio.it', 'x-y.co.uk', 'uni.example.museum'])}"


def no_email(chance: Chance) -> str:
    """What has an `@` and is no address."""
    forms = ["@mario_{}", "icon@2x{}.png", "user@localhost{}", "3 @ {},50", "a@{}", "git@github.com:u/r{}", "x@@y{}.it"]
    return chance.choice(forms).format(digits(chance, 2))


def phone(chance: Chance) -> str:
    """A valid number of any region after `+` or `00`, or an Italian one bare."""
    import phonenumbers

    if chance.random() < 0.5:
        forms = [
            "333 #######",
            "347#######",
            "32# ### ####",
            "33#-#######",
            "06 #### ####",
            "02-########",
            "051 ######",
        ]
        while True:
            value = filled(chance, chance.choice(forms))
            if phonenumbers.is_valid_number(phonenumbers.parse(value, "IT")):
                return value
    while True:
        region = chance.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
        example = phonenumbers.example_number(region)
        if example is None:
            continue
        national = str(example.national_number)[:-3] + digits(chance, 3)
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(national))
        if phonenumbers.is_valid_number(number):
            form = chance.choice([phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164])
            value = phonenumbers.format_number(number, form)
            return value.replace("+", "00") if chance.random() < 0.1 else value


def no_phone(chance: Chance) -> str:
    """Dates, years, prices, decimals, big numbers, codes, times, places on the globe."""
    forms = (
        "1#/0#/20## 1#:##", "0#-1#-20##", "20##-0#-1# 0#:##:##", "0#.1#.19##", "€ 3.4##.###,##", "333.4##.### euro",
        "$1,2##,###.##", "0.3#######", "3.141592#", "06.######## %", "ordine 333#######", "order no. 06########",
        "codice 02-########", "#### #### #### ####", "978-88-04-#####-#", "45.46#### 9.18####", "SKU 34#-#######",
        "+## %", "+2.### punti", "1998-2024", "00184", "fattura 2024/00###", "v3.2.1#.###", "ab3331234###",
        "12:3#:##.###",
    )  # fmt: skip
    return filled(chance, chance.choice(forms))


def iban(chance: Chance) -> str:
    """A valid IBAN, in one piece or in fours."""
    forms = [
        "IT@##########@@@#########A#",
        "DE##################",
        "FR##########ABC#######K##",
        "GBWXYZ##############",
    ]
    forms += ["ES####################", "NLABNA##########", "BE############", "PT#####################"]
    form = chance.choice(forms)
    body = filled(chance, form[2:]) if form[:2] != "IT" else filled(chance, "@##########ABC#########")
    checked = "".join(str(int(one, 36)) for one in body + form[:2]) + "00"
    value = f"{form[:2]}{98 - int(checked) % 97:02d}{body}"
    return _in_fours(value) if chance.random() < 0.5 else value


def _in_fours(value: str) -> str:
    return " ".join(value[k : k + 4] for k in range(0, len(value), 4))


def no_iban(chance: Chance) -> str:
    """One character of an IBAN changed, or a code that looks like one."""
    value = iban(chance)
    place = chance.choice([k for k, one in enumerate(value) if one.isdigit()])
    changed = chance.choice([one for one in string.digits if one != value[place]])
    return chance.choice([value[:place] + changed + value[place + 1 :], filled(chance, "ZZ## #### #### #### ####")])


def card(chance: Chance) -> str:
    """A valid card number of one of the large issuers."""
    start, length = chance.choice([("4", 16), ("5#", 16), ("37", 15), ("6011", 16), ("36", 14), ("2221", 16)])
    start = start.replace("#", chance.choice("12345"))
    body = start + digits(chance, length - len(start) - 1)
    value = body + luhn_digit(body)
    if length == 16 and chance.random() < 0.5:
        separator = chance.choice(" -")
        return separator.join(value[k : k + 4] for k in range(0, 16, 4))
    return value


def no_card(chance: Chance) -> str:
    """A card number with a wrong check digit, or sixteen random digits."""
    value = card(chance)
    wrong = value[:-1] + str((int(value[-1]) + chance.randint(1, 9)) % 10)
    return chance.choice([wrong, wrong, "0." + digits(chance, 16), filled(chance, "a########-####-####-############")])


def address(chance: Chance) -> str:
    """IPv4 or IPv6."""
    if chance.random() < 0.6:
        return ".".join(str(chance.randint(1, 254)) for _ in range(4))
    groups = [f"{chance.randrange(1, 65536):x}" for _ in range(8)]
    return chance.choice([":".join(groups), "2001:db8::" + ":".join(groups[:3]), "fe80::" + groups[0] + ":1a2b"])


def no_address(chance: Chance) -> str:
    """Versions, impossible octets, times, MACs, names of namespaces."""
    forms = ("#.#.#", "999.1.1.#", "version 1.2.3.#", "v#.#.#.#", "12:3#:##", "0A:1B:2C:3D:4E:##", "std::vector#",
             "1.2.3.4.#", "256.1.#.1", "A::B#", "10:3#")  # fmt: skip
    return filled(chance, chance.choice(forms))


def tax_code(chance: Chance) -> str:
    """A codice fiscale with its check letter; one in three has letters for digits (omocodia), up to all seven."""
    from stdnum.it import codicefiscale

    code = list(filled(chance, "@@@@@@") + digits(chance, 2) + chance.choice("ABCDEHLMPRST"))
    code += list(f"{chance.randint(1, 28) + chance.choice([0, 40]):02d}" + filled(chance, "@###"))
    if chance.random() < 0.33:
        for place in chance.sample([6, 7, 9, 10, 12, 13, 14], chance.randint(1, 7)):
            code[place] = "LMNPQRSTUV"[int(code[place])]
    whole = "".join(code)
    whole += codicefiscale.calc_check_digit(whole)
    return whole if chance.random() < 0.8 else whole.lower()


def no_tax_code(chance: Chance) -> str:
    """A wrong check letter, or a code of sixteen characters."""
    code = tax_code(chance).upper()
    wrong = code[:-1] + chance.choice(string.ascii_uppercase.replace(code[-1], ""))
    return chance.choice([wrong, filled(chance, "@@##@@##@@##@@##")])


def plate(chance: Chance) -> str:
    """A plate of cars since 1994."""
    letters = "ABCDEFGHJKLMNPRSTVWXYZ"
    return "".join(chance.choices(letters, k=2)) + digits(chance, 3) + "".join(chance.choices(letters, k=2))


def no_plate(chance: Chance) -> str:
    """Letters that plates do not have, other counts, product codes."""
    return filled(chance, chance.choice(["I@###@@", "@@##@@", "@@####@@", "@@@###@", "modello CD###EF", "TV ### HD"]))


def cases() -> tuple[Case, ...]:
    """All kinds."""
    return (
        Case(kind="email", make=email, spoil=no_email, has_checksum=False),
        Case(kind="phone", make=phone, spoil=no_phone, has_checksum=False),
        Case(kind="iban", make=iban, spoil=no_iban),
        Case(kind="payment_card", make=card, spoil=no_card),
        Case(kind="ip_address", make=address, spoil=no_address, has_checksum=False),
        Case(kind="codice_fiscale", make=tax_code, spoil=no_tax_code),
        Case(kind="plate", make=plate, spoil=no_plate, has_checksum=False),
        *_with_words(),
        *_by_form(),
    )


def _with_words() -> Iterator[Case]:
    """Kinds that are bare digits: the look-alike fails the check, or passes it by chance without a word."""
    table = {
        "dutch_bsn": ("nl.bsn", ("BSN", "burgerservicenummer"), ("#########", "### ### ###")),
        "polish_pesel": ("pl.pesel", ("PESEL", "numer PESEL"), ("##MMDD#####",)),
        "portuguese_nif": ("pt.nif", ("NIF", "número de contribuinte"), ("2########", "2## ### ###")),
        "british_nhs": ("gb.nhs", ("NHS number", "NHS"), ("##########", "### ### ####")),
        "irish_pps": ("ie.pps", ("PPS number", "PPSN"), ("#######@", "#######@A")),
        "austrian_svnr": ("at.vnr", ("SVNR", "Sozialversicherungsnummer"), ("####DDMM##", "#### DDMM##")),
        "romanian_cnp": ("ro.cnp", ("CNP", "cod numeric personal"), ("1##MMDD######", "2##MMDD######")),
    }
    german = ("Steuer-ID", "Steueridentifikationsnummer", "tax ID")
    yield Case(kind="german_tax_id", words=german, make=_german, spoil=lambda chance: _one_more(_german(chance)))
    italian = ("P.IVA", "partita IVA", "VAT number")
    wrong = drawn("it.iva", "0##########", is_valid=False)
    yield Case(kind="partita_iva", words=italian, make=_italian, spoil=wrong)
    for kind, (module, words, patterns) in table.items():
        wrong = drawn(module, *patterns, is_valid=False)
        yield Case(kind=kind, words=words, make=drawn(module, *patterns), spoil=wrong)
    danish = drawn("dk.cpr", "DDMM##-####", "DDMM######")
    wrong = drawn("dk.cpr", "##MM##-####", is_valid=False)
    yield Case(kind="danish_cpr", words=("CPR-nummer", "CPR"), make=danish, spoil=wrong, has_checksum=False)
    table = {
        "identity_card": (("carta d'identità", "identity card", "CIE"), ("CA#####@@", "A@#######"), "A@######"),
    }
    for kind, (words, patterns, wrong) in table.items():
        yield Case(
            kind=kind,
            words=words,
            make=_dated(*patterns),
            spoil=_dated(wrong),
            has_checksum=False,
        )


def _italian(chance: Chance) -> str:
    """A company, an office of the tax agency (1 to 95), a check digit."""
    body = f"0{digits(chance, 6)}{chance.randint(1, 95):03d}"
    return body + luhn_digit(body)


def _french(chance: Chance) -> str:
    """Sex, year, month, department, town, order, and 97 less the rest of the division by 97."""
    body = filled(chance, f"{chance.choice('12')}##") + f"{chance.randint(1, 12):02d}{chance.randint(10, 95)}"
    body += digits(chance, 6)
    parts = (body[:1], body[1:3], body[3:5], body[5:7], body[7:10], body[10:13], f"{97 - int(body) % 97:02d}")
    return chance.choice(["", " "]).join(parts)


def _belgian(chance: Chance) -> str:
    """Somebody born before 2000."""
    date = f"{chance.randint(30, 99)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    order = f"{chance.randint(1, 998):03d}"
    return f"{date[:2]}.{date[2:4]}.{date[4:]}-{order}.{97 - int(date + order) % 97:02d}"


def _german(chance: Chance) -> str:
    """Ten digits of which exactly one stands there twice, and a check digit."""
    from stdnum.iso7064 import mod_11_10

    body = chance.sample(string.digits, 9)
    body.insert(chance.randint(3, 9), body[0])
    whole = "".join(body)
    return _german(chance) if whole[0] == "0" else whole + mod_11_10.calc_check_digit(whole)


def _one_more(value: str) -> str:
    """The last digit is wrong."""
    return value[:-1] + str((int(value[-1]) + 1) % 10)


def _finnish(chance: Chance) -> str:
    """A HETU; those that are a Swedish personnummer too cannot be told from one."""
    from stdnum.se import personnummer

    value = drawn("fi.hetu", "DDMM##-###@", "DDMM##A###@", "DDMM##-####")(chance)
    return _finnish(chance) if personnummer.is_valid(value) else value


def _dated(*patterns: str) -> Callable[[Chance], str]:
    def make(chance: Chance) -> str:
        value = filled(chance, chance.choice(patterns))
        return value.replace("MM", f"{chance.randint(1, 12):02d}").replace("DD", f"{chance.randint(1, 28):02d}")

    return make


def _by_form() -> Iterator[Case]:
    """Kinds whose form, with or without a check, needs no word."""
    table = {
        "spanish_id": ("es.nif", ("########@", "########-@", "X#######@", "Y#######@")),
        "swedish_personnummer": ("se.personnummer", ("##MMDD-####", "19##MMDD-####")),
        "czech_rc": ("cz.rc", ("##MMDD/####",)),
    }
    french = drawn("fr.nir", "1##MM##########", "2 ## MM ## ### ### ##", is_valid=False)
    yield Case(kind="french_nir", make=_french, spoil=french)
    yield Case(kind="belgian_nn", make=_belgian, spoil=drawn("be.nn", "##.MM.DD-###.##", is_valid=False))
    yield Case(kind="finnish_hetu", make=_finnish, spoil=drawn("fi.hetu", "DDMM##-###@", is_valid=False))
    for kind, (module, patterns) in table.items():
        wrong = drawn(module, *patterns, is_valid=False)
        yield Case(kind=kind, make=drawn(module, *patterns), spoil=wrong)
    table = {
        "us_ssn": (("12#-45-6###", "3##-2#-1###"), ("000-##-####", "9##-##-####", "666-##-####", "###-##-###")),
        "british_nino": (("AB######C", "JG ## ## ## A"), ("AB######E", "QQ######C", "AB#####C")),
        "health_card": (("80380###############", "80380 ##### ##### #####"), ("80381###############", "80380####")),
    }
    for kind, (patterns, wrong) in table.items():
        yield Case(kind=kind, make=_dated(*patterns), spoil=_dated(*wrong), has_checksum=False)


def positives(case: Case, count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Sentences and the value in each."""
    chance = random.Random(f"{case.kind} {seed}")
    for _ in range(count):
        value = case.make(chance)
        templates = WITH_WORD if case.words else PLAIN
        word = chance.choice(case.words) if case.words else ""
        yield chance.choice(templates).format(value=value, word=word), value


def negatives(case: Case, count: int, seed: int = 2) -> Iterator[str]:
    """Sentences without one: look-alikes where a real one stands, and real ones where they are something else."""
    chance = random.Random(f"{case.kind} {seed}")
    for _ in range(count):
        if case.words and chance.random() < 0.3:
            yield chance.choice(OTHER).format(value=filled(chance, "#" * len(case.make(chance))))
        else:
            word = chance.choice(case.words) if case.words else ""
            templates = WITH_WORD if case.words else PLAIN
            yield chance.choice(templates).format(value=case.spoil(chance), word=word)
