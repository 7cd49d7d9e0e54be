//! A variant's fields as a struct of their own, which is what crosses the boundary instead of the enum.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Result, Type, Variant};

/// The variants of the enum that a derive is for, or the reason why it cannot be derived.
pub(crate) fn variants<'a>(input: &'a DeriveInput, derive: &str) -> Result<Vec<&'a Variant>> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, format!("`{derive}` can only be derived for an enum")));
    };
    check_not_generic(input, derive, "enum")?;
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, format!("`{derive}` needs at least one variant")));
    }
    Ok(data.variants.iter().collect())
}

/// The fields of the struct that a derive is for, or the reason why it cannot be derived.
pub(crate) fn fields<'a>(input: &'a DeriveInput, derive: &str) -> Result<&'a Fields> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, format!("`{derive}` can only be derived for a struct")));
    };
    check_not_generic(input, derive, "struct")?;
    Ok(&data.fields)
}

fn check_not_generic(input: &DeriveInput, derive: &str, what: &str) -> Result<()> {
    if input.generics.params.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(
        &input.generics,
        format!(
            "`{derive}` cannot be derived for a generic {what}: a name such as `OrderPlaced.v1` must stand for one type only"
        ),
    ))
}

/// How a payload looks as JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Named fields or none: a JSON object.
    Object,
    /// A newtype or tuple variant: the inner value itself, or an array.
    Bare,
}

/// The hidden structs for one variant or struct: an owned one to decode into, and one that borrows, so encoding clones
/// nothing.
pub(crate) struct Payload<'a> {
    /// Serde's name for it.
    name: String,
    /// The variant or the struct itself.
    path: TokenStream,
    fields: &'a Fields,
    owned: Ident,
    borrowed: Ident,
}

impl<'a> Payload<'a> {
    pub(crate) fn of_variant(enum_name: &Ident, variant: &'a Variant) -> Self {
        let ident = &variant.ident;
        Self::new(ident, quote!(#enum_name::#ident), &variant.fields)
    }

    pub(crate) fn of_struct(ident: &Ident, fields: &'a Fields) -> Self {
        Self::new(ident, quote!(#ident), fields)
    }

    fn new(ident: &Ident, path: TokenStream, fields: &'a Fields) -> Self {
        let name = ident.unraw();
        Self {
            path,
            fields,
            // The underscores keep these apart from the user's types: `OrderPlaced(OrderPlaced)` is a usual variant.
            owned: format_ident!("__{name}Payload", span = name.span()),
            borrowed: format_ident!("__{name}PayloadRef", span = name.span()),
            name: name.to_string(),
        }
    }

    pub(crate) fn owned(&self) -> &Ident {
        &self.owned
    }

    /// The serde arguments and the function with which the owned struct is read from JSON: an object has exactly its fields.
    pub(crate) fn strict_json(&self, function: &str) -> (TokenStream, Ident) {
        match self.shape() {
            Shape::Object => (quote!(deny_unknown_fields), format_ident!("{function}_object")),
            Shape::Bare => (TokenStream::new(), format_ident!("{function}")),
        }
    }

    fn shape(&self) -> Shape {
        match self.fields {
            Fields::Named(_) | Fields::Unit => Shape::Object,
            Fields::Unnamed(_) => Shape::Bare,
        }
    }

    /// Both structs. `container` holds further serde arguments for the owned one.
    pub(crate) fn structs(&self, container: &TokenStream) -> TokenStream {
        let (owned, borrowed) = (&self.owned, &self.borrowed);
        let serde_name = &self.name;
        let attributes: Vec<Vec<&Attribute>> = self.fields.iter().map(|field| serde_attributes(&field.attrs)).collect();
        let types: Vec<&Type> = self.fields.iter().map(|field| &field.ty).collect();
        let names: Vec<&Ident> = self.fields.iter().filter_map(|field| field.ident.as_ref()).collect();
        let lifetime = (!types.is_empty()).then(|| quote!(<'__payload>));
        let (owned_body, borrowed_body) = match self.shape() {
            Shape::Object => (
                quote!({ #( #(#attributes)* #names: #types, )* }),
                quote!(#lifetime { #( #(#attributes)* #names: &'__payload #types, )* }),
            ),
            Shape::Bare => (
                quote!(( #( #(#attributes)* #types, )* );),
                quote!(#lifetime ( #( #(#attributes)* &'__payload #types, )* );),
            ),
        };
        quote! {
            #[derive(::foldhost_sdk::__private::serde::Deserialize)]
            #[serde(crate = "::foldhost_sdk::__private::serde", rename = #serde_name, #container)]
            struct #owned #owned_body
            #[derive(::foldhost_sdk::__private::serde::Serialize)]
            #[serde(crate = "::foldhost_sdk::__private::serde", rename = #serde_name)]
            struct #borrowed #borrowed_body
        }
    }

    /// A pattern for the variant or struct that binds every field; from the same bindings, its value.
    pub(crate) fn pattern(&self) -> TokenStream {
        self.braced(&self.path, matches!(self.fields, Fields::Unit))
    }

    /// The borrowing struct, built from the bindings of [`Payload::pattern`] on a reference.
    pub(crate) fn borrowed_value(&self) -> TokenStream {
        let borrowed = &self.borrowed;
        self.braced(&quote!(#borrowed), false)
    }

    /// A pattern that takes the owned struct apart.
    pub(crate) fn owned_pattern(&self) -> TokenStream {
        let owned = &self.owned;
        self.braced(&quote!(#owned), false)
    }

    fn braced(&self, path: &TokenStream, unit: bool) -> TokenStream {
        let bindings = (0..self.fields.len()).map(|index| format_ident!("__field_{index}"));
        if unit {
            return quote!(#path);
        }
        match self.shape() {
            Shape::Object => {
                let names = self.fields.iter().map(|field| &field.ident);
                quote!(#path { #( #names: #bindings, )* })
            }
            Shape::Bare => quote!(#path ( #( #bindings, )* )),
        }
    }
}

/// A pattern for the variant that looks at no field.
pub(crate) fn any_fields(enum_name: &Ident, variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    quote!(#enum_name::#ident { .. })
}

fn serde_attributes(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("serde")).collect()
}
