"""What generated junk is put together from."""

GOODS = [
    "running shoes", "garden hose", "phone case", "office chair", "car insurance", "diet pills",
    "used tyres", "kitchen knives", "wedding rings", "laptop battery", "online casino", "sofa bed",
    "dog food", "winter coat", "hair dryer", "travel pillow", "solar panels", "tax software",
    "yoga mat", "vacuum bags", "fishing rod", "ink cartridges", "air filter", "wall clock",
]  # fmt: skip
CITIES = [
    "Springfield", "Riverside", "Fairview", "Ashford", "Milton", "Kingston", "Newport", "Salem",
    "Dover", "Bristol", "Clinton", "Oxford", "Burlington", "Lexington", "Auburn", "Hudson",
]  # fmt: skip
STUFFING = [
    "buy {good} online", "cheap {good}", "{good} {city}", "best {good} near me", "{good} sale",
    "{good} discount code", "{good} free shipping", "where to buy {good} in {city}",
    "{good} reviews", "top 10 {good}", "order {good} {city} today", "wholesale {good}",
    "{good} outlet", "discount {good} {city} best price", "{good} for sale",
]  # fmt: skip
MENU = [
    "home", "about us", "contact", "log in", "sign up", "my account", "wish list", "basket (0)",
    "checkout", "help", "FAQ", "returns", "delivery", "gift cards", "store finder", "careers",
    "press", "investors", "affiliates", "newsletter", "RSS", "site map", "terms of use", "privacy",
    "imprint", "accessibility", "search", "news", "sport", "weather", "video", "photos", "blog",
    "forum", "events", "downloads", "previous", "next", "back to top", "print this page", "share",
    "tweet", "like", "subscribe", "English", "Deutsch", "Français", "archive", "categories",
    "tags", "popular", "latest", "trending", "editor's picks", "advertise with us", "report abuse",
]  # fmt: skip
SITES = ["Acme News", "Best Deals", "City Portal", "Daily Bits", "Easy Recipes", "Free Wallpapers"]
CONSENT = [
    ["We value your privacy.", "Your privacy matters to {site}.", "{site} uses cookies."],
    [
        "We and our {n} partners store and access information on a device.",
        "{site} and {n} vendors process data such as unique identifiers.",
    ],
    [
        "You can accept or refuse at any time in the settings.",
        "Change your mind whenever you like at the bottom of the page.",
    ],
    [
        "By clicking Accept all you agree to the storing of cookies on your device.",
        "If you go on browsing we take it that you agree.",
    ],
    ["Strictly necessary cookies: always on", "Necessary (always active)"],
    ["Performance cookies: off", "Statistics", "Analytics cookies help us to count visits."],
    ["Targeting cookies: off", "Marketing", "Advertising partners may build a profile."],
    ["Accept all\nReject all\nManage options", "OK\nSettings", "Accept\nLearn more"],
    ["Read our cookie policy.", "See the list of partners.", "Show purposes"],
    ["Please enable JavaScript to view this page.", "Your browser is out of date.", "Loading ..."],
]
ADVERT = [
    [["Buy", "Get", "Order", "Grab"], ["the best", "the finest", "top"], ["GOOD in CITY."]],
    [
        ["Our", "These"],
        ["amazing", "stunning", "great"],
        ["GOOD"],
        ["will change", "lift"],
        ["your life.", "your day."],
    ],
    [
        ["Thousands", "Lots", "Hundreds"],
        ["of happy customers", "of buyers"],
        ["love", "adore"],
        ["our GOOD.", "this GOOD."],
    ],
    [
        ["Do not miss", "Hurry and use", "Take"],
        ["this deal", "our offer", "the discount"],
        ["today!", "now!", "before it ends!"],
    ],
    [["Shipping is", "Delivery is"], ["free", "fast", "cheap"], ["in CITY."]],
    [["Call us", "Write to us", "Visit our shop"], ["for more", "to hear more"], ["about GOOD."]],
    [["Compare", "Check"], ["prices of GOOD"], ["and save", "and keep"], ["up to 70%.", "more."]],
    [["Everybody in CITY", "Every home"], ["needs", "wants", "deserves"], ["GOOD."]],
    [["Read", "See"], ["our reviews", "what others say"], ["of GOOD", "on GOOD"], ["here.", "."]],
    [
        ["Only", "Just"],
        ["3", "5", "9"],
        ["left in stock,", "pieces left,"],
        ["order", "buy"],
        ["now.", "quickly."],
    ],
    [["Why pay", "Do not pay"], ["more", "extra"], ["for GOOD?", "elsewhere?"]],
    [["Satisfaction", "Quality"], ["guaranteed", "is our promise"], ["or your money back."]],
]
LOREM = [
    "lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do",
    "eiusmod", "tempor", "incididunt", "ut", "labore", "et", "dolore", "magna", "aliqua", "enim",
    "ad", "minim", "veniam", "quis", "nostrud", "exercitation", "ullamco", "laboris", "nisi",
    "aliquip", "ex", "ea", "commodo", "consequat", "duis", "aute", "irure", "in", "reprehenderit",
    "voluptate", "velit", "esse", "cillum", "eu", "fugiat", "nulla", "pariatur", "excepteur",
    "sint", "occaecat", "cupidatat", "non", "proident", "sunt", "culpa", "qui", "officia",
    "deserunt", "mollit", "anim", "id", "est", "laborum",
]  # fmt: skip
FIRST_NAMES = [
    "Ada", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kofi",
    "Lucia", "Mira", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera",
]  # fmt: skip
LAST_NAMES = [
    "Abel", "Berger", "Castro", "Dahl", "Engel", "Ferrari", "Garcia", "Hansen", "Ito", "Jensen",
    "Kaya", "Lang", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka",
]  # fmt: skip
STREETS = ["Oak Street", "Mill Lane", "Station Road", "High Street", "Elm Avenue", "Park Row"]
TEST_CARDS = [
    "4111 1111 1111 1111", "5555 5555 5555 4444", "3782 822463 10005", "6011 1111 1111 1117",
    "4012 8888 8888 1881", "3530 1113 3330 0000",
]  # fmt: skip
LETTER = [
    ["Dear {name},", "Hello {first},", "{name}\n{street}"],
    [
        "thank you for your order {order} of one {good}.",
        "we have received your request {order} about the {good} and will answer within a week.",
        "your account was used from {address} to order {good}.",
    ],
    [
        "We shall deliver to {street} and call {phone} before we come.",
        "Please check your data: {name}, born {born}, {street}, telephone {phone}.",
        "Delivery address: {street}. Telephone: {phone}. Date of birth: {born}.",
    ],
    [
        "Your card {card} has been charged.",
        "Payment: card number {card}, expires 12/30.",
        "The amount will be taken from card {card} within three days.",
    ],
    [
        "The invoice has been sent to {mail}.",
        "If {mail} is not your address any more, tell us.",
        "Log in with {mail} to follow your parcel; you were last seen at {address}.",
    ],
    ["Yours sincerely\nCustomer service", "Kind regards\nThe shop", "Do not answer this mail."],
]
PAGE_TOP = [
    "Home", "About", "Contact", "Log in", "Register", "Search this site", "Share on social media",
    "You are here: Home > Articles > Read", "Skip to content", "Menu", "Subscribe to our letter",
    "Advertisement", "Reading time: 4 minutes", "Follow us", "Latest", "Print", "Comments (0)",
]  # fmt: skip
PAGE_BOTTOM = [
    "Related articles", "Leave a comment", "Your mail address will not be published.",
    "Previous post", "Next post", "All rights reserved.", "Privacy policy", "Terms of use",
    "Powered by a content management system", "Back to top", "Sign up for our newsletter",
    "We use cookies to give you the best experience.", "Accept", "Categories", "Archive", "Tags",
]  # fmt: skip
